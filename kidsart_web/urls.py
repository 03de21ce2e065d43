from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.usersessions import views as sessions
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path
from django.views.i18n import set_language

from grading.views.accounts import one_transaction

# Only what is used of allauth, under the names it knows its pages by: no signing up, no changing of
# addresses, no social accounts. What changes an account is one transaction with its audit row.
password = [
    path("", one_transaction(account.password_change), name="account_change_password"),
    path("forgotten/", account.password_reset, name="account_reset_password"),
    path("forgotten/sent/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "reset/<uuid:uidb36>/<str:key>/",
        one_transaction(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "reset/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
square_to_scan = csp_update({"img-src": ["data:"]})  # of this page alone: no file holds a key
second_factor = [
    path("", mfa.index, name="mfa_index"),
    path("code/", mfa.authenticate, name="mfa_authenticate"),
    path("code/again/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("on/", square_to_scan(one_transaction(totp.activate_totp)), name="mfa_activate_totp"),
    path("off/", one_transaction(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/new/",
        one_transaction(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
]

urlpatterns = [
    path("sign-in/", account.login, name="sign-in"),
    path("sign-in/", account.login, name="account_login"),  # as allauth calls it
    path("sign-out/", auth_views.LogoutView.as_view(), name="sign-out"),
    path("account/password/", include(password)),
    path("account/password-again/", account.reauthenticate, name="account_reauthenticate"),
    path("account/second-factor/", include(second_factor)),
    path(
        "account/sessions/",
        one_transaction(sessions.list_usersessions),
        name="usersessions_list",
    ),
    path("language/", set_language, name="set-language"),
    path("", include("grading.urls")),
]
if settings.ADMIN_ENABLED:
    urlpatterns.append(path("support/", admin.site.urls))
