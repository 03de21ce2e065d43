"""A family sees the released work of one child, by a link that opens nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from grading.models import Appeal, AuditEvent, FamilyLink, FamilyLinkOpening, Student
from grading.services.annotations import confirm_review, set_level, set_words
from grading.services.appeals import ask_again, close_appeal
from grading.services.artworks import match_artwork
from grading.services.families import MISSES_AT_MOST, create_link, network_of, revoke_link
from grading.services.releases import hide_class, release_class


@pytest.fixture(autouse=True)
def _cache():
    cache.clear()
    yield
    cache.clear()


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def review(alice, student, make_scored, rubric_version):
    artwork = make_scored(student).picture.artwork
    line_texture = rubric_version.dimensions.get(slug="line_texture")
    set_level(artwork, line_texture, None, alice, not_assessed="painted without lines")
    set_words(artwork, "The roofs glow.", "Try blue shadows.", alice)
    return confirm_review(artwork, alice)


@pytest.fixture
def others(alice, make_scored):
    ben = Student.objects.get(display_name="Ben T.")
    return confirm_review(make_scored(ben, "red").picture.artwork, alice)


@pytest.fixture
def made(alice, student) -> tuple[FamilyLink, str]:
    return create_link(student, alice, note="mother", days=30, code=uuid4())


@pytest.fixture
def url(made) -> str:
    return reverse("grading:family", args=[made[1]])


def picture_url(token: str, picture, version: str = "display") -> str:
    return reverse("grading:family-picture", args=[token, picture.code, version])


# ----------------------------------------------------------------------------- making, taking back
def test_a_link_is_shown_once_and_only_its_hash_is_kept(client, alice, student):
    client.force_login(alice)
    url = reverse("grading:family-links", args=[student.code])
    form = {"code": uuid4(), "note": "mother, by e-mail", "days": 30}
    response = client.post(url, form)
    token = re.search(r"/f/([\w-]{43})/", text(response))[1]
    assert response["Cache-Control"] == "no-store"
    link = FamilyLink.objects.get()
    assert token not in str(FamilyLink.objects.values().get())
    assert FamilyLink.objects.by_token(token) == link
    assert link.expires_at - now() > timedelta(days=29)
    page = text(client.get(url))
    assert token not in page
    assert "mother, by e-mail" in page
    event = AuditEvent.objects.get(verb="shared")
    assert token not in str(event.detail)


def test_a_link_that_works_stands_before_those_that_do_not(client, alice, student, made):
    taken_back, _token = create_link(student, alice, note="father", days=30, code=uuid4())
    revoke_link(taken_back, alice)
    client.force_login(alice)
    page = text(client.get(reverse("grading:family-links", args=[student.code])))
    assert page.index(">mother<") < page.index(">father<")
    assert "Nothing is released yet: until then the page says so." in page


def test_a_form_sent_twice_makes_one_link(client, alice, student):
    client.force_login(alice)
    url = reverse("grading:family-links", args=[student.code])
    form = {"code": uuid4(), "note": "", "days": 7}
    client.post(url, form)
    assert "made before" in text(client.post(url, form, follow=True))
    assert FamilyLink.objects.count() == 1


@pytest.mark.parametrize(
    "wrong", [{"days": 5000}, {"days": "x"}, {"code": "x"}, {"note": "n" * 99}]
)
def test_a_wrong_form_makes_no_link(client, alice, student, wrong):
    client.force_login(alice)
    url = reverse("grading:family-links", args=[student.code])
    response = client.post(url, {"code": uuid4(), "note": "", "days": 7} | wrong)
    assert response.status_code == 422
    assert not FamilyLink.objects.exists()


def test_a_link_is_taken_back_at_once(client, alice, assignment, review, made, url):
    release_class(assignment, alice)
    link, token = made
    assert client.get(url).status_code == 200
    client.force_login(alice)
    client.post(reverse("grading:revoke-family-link", args=[link.code]))
    client.logout()
    assert client.get(url).status_code == 404
    assert client.get(picture_url(token, review.picture)).status_code == 404
    assert AuditEvent.objects.filter(verb="revoked").count() == 1
    assert revoke_link(link, alice) is False


# ------------------------------------------------------------------------------------ the page
def test_the_family_sees_what_a_person_decided_about_its_child(
    client, alice, assignment, review, others, url
):
    release_class(assignment, alice)
    page = text(client.get(url))
    for words in (
        "Pictures by Amara B.",
        "Our street",
        "The roofs glow.",
        "Try blue shadows.",
        "3 of 5",
        "Not assessed: painted without lines",
        "AI proposal, checked by Alice on",
        "demo model, not for grading",
        "radar__line",
        "How to read the levels",
    ):
        assert words in page
    assert "Ben T." not in page
    before_the_picture = page.split("<article")[0]
    assert "It is not a mark of your child." in before_the_picture
    assert 'family-about">' in before_the_picture  # closed: no long text comes before it


def test_where_no_model_proposed_anything_the_page_says_just_that(
    client, alice, assignment, student, make_picture, rubric_version, url
):
    artwork = make_picture(student).artwork
    for dimension in rubric_version.dimensions.all():
        set_level(artwork, dimension, 4, alice)
    confirm_review(artwork, alice)
    release_class(assignment, alice)
    page = text(client.get(url))
    assert "Levels given by Alice on" in page
    assert "AI proposal" not in page
    assert "No computer model was used: a teacher looked at every picture" in page
    assert "proposed" not in page


def test_the_page_gives_nothing_else_away(
    client, alice, assignment, student, review, others, made, url
):
    """No model score, no school number, no address of the staff, no way into the application:
    only to the page that says how this works, which is for everybody."""
    alice.name = ""  # then the address stands for the name elsewhere
    alice.save()
    student.number = "20261124"
    student.save()
    release_class(assignment, alice)
    response = client.get(url)
    page = text(response)
    assert "radar__layer--mine" in page
    for words in ("alice@", "20261124", "radar__layer--model", "radar__layer--average", "mother"):
        assert words not in page
    addresses = set(re.findall(r'(?:href|src|action)="(/[^"#]*)', page))
    own = f"/f/{made[1]}/"
    assert {a for a in addresses if not a.startswith((own, "/static/"))} == {"/about/"}
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "no-store"
    assert "noindex" in response["X-Robots-Tag"]
    assert not response.cookies


def test_before_the_release_and_after_hiding_there_is_nothing(
    client, alice, assignment, review, made, url
):
    assert "Nothing to see yet" in text(client.get(url))
    picture = picture_url(made[1], review.picture)
    assert client.get(picture).status_code == 404
    release_class(assignment, alice)
    assert "The roofs glow." in text(client.get(url))
    response = client.get(picture)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    hide_class(assignment, alice)
    assert "The roofs glow." not in text(client.get(url))
    assert client.get(picture).status_code == 404


def test_the_family_keeps_seeing_what_was_released(client, alice, assignment, review, url):
    release_class(assignment, alice)
    set_words(review.artwork, "Other words", "", alice)
    confirm_review(review.artwork, alice)
    assert "The roofs glow." in text(client.get(url))


def test_a_picture_of_another_child_is_not_served(client, alice, assignment, review, others, made):
    release_class(assignment, alice)
    assert client.get(picture_url(made[1], review.picture)).status_code == 200
    assert client.get(picture_url(made[1], others.picture)).status_code == 404
    assert client.get(picture_url(made[1], review.picture, "original")).status_code == 404


def test_unknown_expired_and_revoked_links_look_exactly_alike(
    client, alice, student, assignment, review
):
    release_class(assignment, alice)
    links = [create_link(student, alice, days=7, code=uuid4()) for _n in range(2)]
    FamilyLink.objects.filter(pk=links[0][0].pk).update(expires_at=now())
    revoke_link(links[1][0], alice)
    answers = [
        client.get(reverse("grading:family", args=[token]))
        for token in (links[0][1], links[1][1], "never-was", "x" * 500)
    ]
    assert {response.status_code for response in answers} == {404}
    assert len({response.content for response in answers}) == 1
    assert len({str(sorted(response.headers.items())) for response in answers}) == 1
    assert "Ask the school for a new one" in text(answers[0])


def test_whoever_guesses_is_slowed_down_and_nobody_else(client, url):
    guesser = Client(REMOTE_ADDR="203.0.113.77")
    for guess in range(MISSES_AT_MOST):
        assert guesser.get(f"/f/guess-{guess}/").status_code == 404
        assert client.get(f"/f/guess-{guess}/").status_code == 404
    assert guesser.get("/f/one-more/").status_code == 429
    assert guesser.get(url).status_code == 429
    assert Client(REMOTE_ADDR="198.51.100.7").get(url).status_code == 200
    assert client.get(url).status_code == 200  # of nobody's network: all come from the web server


# ----------------------------------------------------------------------------------- the log
@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:abcd:12:34:56:78:9a", "2001:db8:abcd::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("127.0.0.1", ""),  # the web server in front of us, not the visitor
        ("::1", ""),
        ("", ""),
        ("nonsense", ""),
        (None, ""),
    ],
)
def test_of_an_address_only_the_network_is_kept(address, network):
    assert network_of(address) == network


def test_openings_are_listed_for_the_teacher_without_the_address(
    alice, student, assignment, review, url
):
    visitor = Client(REMOTE_ADDR="203.0.113.77")
    visitor.get(url)
    visitor.get(url)  # again at once: the same opening
    FamilyLinkOpening.objects.get()
    assert "203.0.113.77" not in str(list(AuditEvent.objects.values()))
    assert AuditEvent.objects.get(verb="opened").actor is None
    client = Client()
    client.force_login(alice)
    page = text(client.get(reverse("grading:family-links", args=[student.code])))
    assert "Opened 1 time" in page
    assert "203.0.113.0/24" in page


# ------------------------------------------------------------------------------- another look
def test_a_family_can_ask_for_another_look_once_at_a_time(alice, assignment, review, made, url):
    release_class(assignment, alice)
    family = Client(enforce_csrf_checks=True)
    ask = reverse("grading:family-appeal", args=[made[1], review.artwork.code])
    page = family.get(ask)
    # A browser sends a form from a page with "no-referrer" with Origin: null, which is refused.
    assert page["Referrer-Policy"] == "same-origin"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text(page))[1]
    form = {"csrfmiddlewaretoken": token, "reason": "Is the level of the lines right?"}
    assert family.post(ask, form)["Location"].startswith(url)
    appeal = Appeal.objects.get()
    assert (appeal.review, appeal.family_link, appeal.asked_by) == (review, made[0], None)
    assert "You asked for another look" in text(family.get(url))
    assert family.post(ask, form).status_code == 409
    assert Appeal.objects.count() == 1
    close_appeal(appeal, alice, "The lines are many but alike; we keep the level.")
    assert "we keep the level" in text(family.get(url))


def test_an_empty_or_endless_question_is_refused(client, alice, assignment, review, made):
    release_class(assignment, alice)
    ask = reverse("grading:family-appeal", args=[made[1], review.artwork.code])
    for reason in ("", "x" * 401):
        assert client.post(ask, {"reason": reason}).status_code == 422
    assert not Appeal.objects.exists()


def test_nobody_asks_about_another_childs_picture(
    client, alice, assignment, review, others, made, url
):
    release_class(assignment, alice)
    ask = reverse("grading:family-appeal", args=[made[1], others.artwork.code])
    assert client.post(ask, {"reason": "Why?"}).status_code == 404
    ask_again(review.artwork, review, "for ourselves", by=alice)
    assert "for ourselves" not in text(client.get(url))


def test_the_answer_to_another_family_is_not_shown(alice, assignment, review, made):
    release_class(assignment, alice)
    appeal = ask_again(review.artwork, review, "Is it?", family_link=made[0])
    close_appeal(appeal, alice, "Dear family of Amara, it stays.")
    ben = Student.objects.get(display_name="Ben T.")
    match_artwork(review.artwork, ben, alice)  # it was Ben's, it turned out
    release_class(assignment, alice)
    made_for_ben = create_link(ben, alice, days=30, code=uuid4())
    assert made_for_ben
    page = text(Client().get(reverse("grading:family", args=[made_for_ben[1]])))
    assert "Our street" in page
    assert "Dear family of Amara" not in page
