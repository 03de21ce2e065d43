"""What stands before and behind every view: sizes, headers, and answers to what is refused.

Middleware, named in the settings. Knows the URLs by name and no model.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from grading.services.limits import TooMany

GetResponse = Callable[[HttpRequest], HttpResponseBase]
DISCARDED_AT_A_TIME = 64 * 1024

# A feature that no page uses is off for it and for whatever might be embedded. Photographs come
# from a file dialog, which needs no leave of this kind, not even where it opens the camera.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "browsing-topics", "camera",
        "display-capture", "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid",
        "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment",
        "picture-in-picture", "screen-wake-lock", "serial", "usb",
        "xr-spatial-tracking",
    )
)  # fmt: skip
HEADERS = {
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    # Pages name children. A view that knows better (a picture never changes) says so itself.
    "Cache-Control": "private, no-store",
}
SIGN_OUT = {"sign-out", "admin:logout"}
# What a browser keeps of the pictures must not be there for whoever sits down next.
FORGET_EVERYTHING = '"cache", "storage"'


def add_headers(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        signed_out = request.method == "POST" and response.status_code < 400
        if signed_out and _url_name(request) in SIGN_OUT:
            response["Clear-Site-Data"] = FORGET_EVERYTHING
        return response

    return middleware


# ----------------------------------------------------------------------------------------- sizes
def refuse_large_bodies(get_response: GetResponse) -> GetResponse:
    """Answers before a byte of the body is read: Django would write all of it to the disk first.

    Before sign-in a form is small. After it, only the pages that take files take large bodies.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.headers.get("Transfer-Encoding"):
            # Django reads such a body as an empty one; no browser sends it.
            return refused_body(request, status=411)
        size = _size_of(request)
        if size is None:
            return refused_body(request, status=400)
        if size <= settings.BODY_MAX_BYTES_ANONYMOUS:
            return get_response(request)
        name = _url_name(request)
        if not request.user.is_authenticated:
            return _before_sign_in(request, name, size)
        if size > settings.BODY_MAX_BYTES.get(name, settings.BODY_MAX_BYTES_SIGNED_IN):
            return refused_body(request)
        return get_response(request)

    return middleware


def refused_body(request: HttpRequest, status: int = 413) -> HttpResponse:
    if _is_script(request):
        return HttpResponse(_too_large(), status=status, content_type="text/plain; charset=utf-8")
    return render(request, "413.html", {"sentence": _too_large()}, status=status)


def _too_large() -> str:
    return _("What was sent is too large for this page. Nothing of it was kept.")


def _before_sign_in(request: HttpRequest, name: str, size: int) -> HttpResponse:
    """A session that ended while a class set is on its way is told so, in an answer that arrives:
    a browser that is cut off in the middle of a photo only sees a broken connection."""
    one_picture = settings.UPLOAD_MAX_PICTURE_BYTES + settings.BODY_MAX_BYTES_ANONYMOUS
    if name in settings.BODY_MAX_BYTES and _is_script(request) and size <= one_picture:
        while request.read(DISCARDED_AT_A_TIME):
            pass
        return HttpResponse(status=401)
    return refused_body(request)


def _size_of(request: HttpRequest) -> int | None:
    """None where it is not a number that a body can have."""
    said = request.META.get("CONTENT_LENGTH") or "0"
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None


# ------------------------------------------------------------------------------------- too often
class SayTooMany:
    """Whatever view a limit is met in, the answer is one sentence with 429."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TooMany):
            return None
        if _is_script(request):
            return HttpResponse(str(error), status=429, content_type="text/plain; charset=utf-8")
        return render(request, "429.html", {"sentence": str(error)}, status=429)


def _is_script(request: HttpRequest) -> bool:
    """A fragment was asked for, not a page."""
    return (
        request.headers.get("X-Requested-With") == "XMLHttpRequest"
        or request.headers.get("HX-Request") == "true"
    )


def _url_name(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).view_name
    except Resolver404:
        return ""
