"""A real Chromium in front of a real school: web server, workers, scheduler and broker."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from ml.drawing import CAUSES, render
from tests.running_school import RunningSchool, Visitor, wait_for

WIDTHS = {"phone": (390, 844), "desktop": (1440, 900)}
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CLASS_SET = ("amara b", "ben t", "chloe d", "dev p", "elif k", "IMG_4711")
SCORED = "SELECT count(*) FROM grading_scoringjob WHERE status = 'succeeded'"


def drawing(seed: int) -> bytes:
    causes = [((seed * 3 + k) % 7) / 6 for k in range(len(CAUSES))]
    buffer = io.BytesIO()
    render(causes, seed=seed, size_px=448).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def school(tmp_path_factory) -> Iterator[RunningSchool]:
    """A class set of six is uploaded and scored; one picture belongs to nobody yet."""
    with RunningSchool(tmp_path_factory.mktemp("school"), KIDSART_JOB_LEASE_S="60") as running:
        files = [
            ("pictures", f"{name}.jpg", drawing(n)) for n, name in enumerate(CLASS_SET, start=1)
        ]
        Visitor(running).post(f"{running.empty_board()}upload/", {}, files)
        wait_for(lambda: running.number(SCORED) == len(CLASS_SET), "the class set is scored", 120)
        yield running


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture
def browser(playwright) -> Iterator[Browser]:
    """A fresh one for each test: what one test leaves half loaded cannot hold up the next."""
    chromium = playwright.chromium.launch(
        executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
        args=CHROMIUM_ARGS,
    )
    yield chromium
    chromium.close()


def sign_in(page: Page, school: RunningSchool, role: str = "teacher") -> None:
    account = school.account(role)
    page.goto(f"{school.address}/sign-in/")
    page.get_by_label("E-mail address").fill(account["email"])
    page.get_by_label("Password").fill(account["password"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{school.address}/")


def axe_finds_nothing(page: Page, name: str) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def nothing_sticks_out(page: Page, name: str) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{name} is {wide} px wider than its window"


def look_over(page: Page) -> None:
    """The page as it is now, on a phone and a desk, in light and dark: axe, and its width."""
    before = page.viewport_size
    for name, (width, height) in WIDTHS.items():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(200)  # colors fade into each other
            axe_finds_nothing(page, page.url)
            nothing_sticks_out(page, f"{page.url} ({name})")
    if before:
        page.set_viewport_size(before)


@pytest.fixture
def visit(browser, school) -> Callable[..., Page]:
    """A signed-in page, for example ``visit(width="phone", color_scheme="dark")``."""

    def open_page(width: str = "desktop", role: str | None = "teacher", **options) -> Page:
        size = {"width": WIDTHS[width][0], "height": WIDTHS[width][1]}
        context = browser.new_context(viewport=size, base_url=school.address, **options)
        page = context.new_page()
        page.set_default_timeout(15_000)
        if role:
            sign_in(page, school, role)
        return page

    return open_page
