import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from grading.intake.cleanup import Corners, Edit, Proposal, apply_edit, propose_edit
from ml.drawing import draw
from tests.intake.photographs import DAYLIGHT, WARM_LIGHT, Photograph
from tests.intake.photographs import photographed as photographed_large

Color = tuple[int, int, int]
SQUARE: Corners = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
PLAIN_DESKS = ("oak", "walnut", "pine", "grey", "blue", "black", "mat")
# As large as it is looked at; a twelfth of a phone's photo, to be quick.
photographed = partial(photographed_large, size=(1000, 750))
CAUSES = [0.6, 0.4, 0.6, 0.3, 0.5, 0.3, 0.5, 0.4, 0.3]


@cache
def drawing(seed: int = 3) -> Image.Image:
    return draw(seed, "a machine", CAUSES, 504)


def sheet_of(paper: Color, size: tuple[int, int] = (560, 400)) -> Image.Image:
    """A little drawing in strong colors on paper of that color."""
    sheet = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(sheet)
    pen.ellipse((100, 90, 220, 210), (180, 40, 50), (30, 30, 30), 5)
    pen.rectangle((300, 140, 430, 300), (50, 70, 150), (30, 30, 30), 5)
    pen.line((80, 330, 480, 350), (40, 120, 60), 9)
    return sheet


def error_of(proposal: Proposal, photograph: Photograph) -> float:
    """Of the worst corner, in percent of the diagonal."""
    assert proposal.edit.corners is not None
    size = np.array(photograph.picture.size)
    off = (np.array(proposal.edit.corners) - np.array(photograph.corners)) * size
    return float(100 * np.hypot(*off.T).max() / np.hypot(*size))


def sure_of(photograph: Photograph) -> Proposal:
    proposal = propose_edit(photograph.picture)
    assert proposal is not None
    assert proposal.sure
    assert proposal.reason == "sheet"
    return proposal


def mean_color(picture: Image.Image, box: tuple[float, float, float, float]) -> np.ndarray:
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    part = pixels[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
    return np.asarray(np.median(part.reshape(-1, 3), axis=0))


# --- the sheet -----------------------------------------------------------------------------------


@pytest.mark.parametrize("desk", PLAIN_DESKS)
def test_the_corners_of_a_sheet_are_found(desk: str) -> None:
    for seed in (1, 2):
        photograph = photographed(drawing(), seed, desk=desk)
        assert error_of(sure_of(photograph), photograph) < 0.5


@pytest.mark.parametrize("desk", ["white", "cloth"])
def test_on_a_difficult_desk_a_wrong_crop_is_never_sure(desk: str) -> None:
    for seed in range(6):
        photograph = photographed(drawing(), seed, desk=desk)
        proposal = propose_edit(photograph.picture)
        assert proposal is None or not proposal.sure or error_of(proposal, photograph) < 1


@pytest.mark.parametrize("hazard", ["hand", "cut off"])
def test_a_hand_over_an_edge_or_a_cut_off_sheet_is_left_to_the_teacher(hazard: str) -> None:
    for seed, desk in enumerate(["oak", "blue", "grey", "mat"]):
        photograph = photographed(drawing(), seed, desk=desk, hazard=hazard)
        proposal = propose_edit(photograph.picture)
        assert proposal is None or not proposal.sure


@pytest.mark.parametrize("hazard", ["shadow", "second sheet"])
def test_a_shadow_or_another_sheet_is_no_edge_of_this_one(hazard: str) -> None:
    for seed, desk in enumerate(["oak", "blue", "grey", "white"]):
        photograph = photographed(drawing(), seed, desk=desk, hazard=hazard)
        proposal = propose_edit(photograph.picture)
        assert proposal is None or not proposal.sure or error_of(proposal, photograph) < 1


def framed() -> Image.Image:
    """A page with a painted frame inside it."""
    page = Image.new("RGB", (800, 600), (250, 248, 244))
    ImageDraw.Draw(page).rectangle((60, 60, 740, 540), outline=(40, 40, 120), width=14)
    return page


def painted_field() -> Image.Image:
    """Painted to a straight edge, which tape had masked, with a name on the white margin."""
    page = Image.new("RGB", (800, 600), (250, 249, 247))
    pen = ImageDraw.Draw(page)
    pen.rectangle((80, 70, 720, 500), (60, 110, 190))
    pen.ellipse((300, 200, 420, 320), (240, 210, 60))
    pen.line((560, 545, 700, 550), (40, 40, 40), 5)
    return page


@pytest.mark.parametrize(
    "scan",
    [drawing(3), drawing(8), sheet_of((255, 255, 255)), sheet_of((243, 238, 226)), framed(),
     painted_field(), sheet_of((240, 225, 140)), Image.new("RGB", (600, 400), "white")],
)  # fmt: skip
def test_a_flat_scan_is_left_alone(scan: Image.Image) -> None:
    assert propose_edit(scan) is None


def test_marks_at_the_very_edge_of_the_sheet_survive() -> None:
    """Red lines along all four edges, each a hundredth of the sheet wide."""
    sheet = sheet_of((248, 247, 244), (600, 600))
    ImageDraw.Draw(sheet).rectangle((0, 0, 599, 599), outline=(210, 30, 40), width=6)
    for seed, desk in enumerate(["oak", "grey", "blue", "walnut"]):
        photograph = photographed(sheet, seed, desk=desk, light=DAYLIGHT)
        proposal = propose_edit(photograph.picture)
        assert proposal is not None
        made = np.asarray(apply_edit(photograph.picture, proposal.edit), np.int16)
        reach = round(0.02 * min(made.shape[:2]))
        red = made[..., 0] - made[..., 1:].max(2) > 60
        edges = (
            red[:reach].any(0),
            red[-reach:].any(0),
            red[:, :reach].any(1),
            red[:, -reach:].any(1),
        )
        assert min(edge.mean() for edge in edges) > 0.97


def test_a_mark_that_leaves_the_sheet_is_not_cut_off_unseen() -> None:
    """A brush that went over the edge onto the desk."""
    photograph = photographed(sheet_of((248, 247, 244)), 5, desk="grey", light=DAYLIGHT)
    picture = photograph.picture.copy()
    ends = [(photograph.corners[k][0] * 1000, photograph.corners[k][1] * 750) for k in (0, 1)]
    x, y = np.mean(ends, axis=0)
    ImageDraw.Draw(picture).line((x, y - 40, x + 20, y + 60), (200, 30, 30), 40)
    assert sure_of(photograph)
    proposal = propose_edit(picture)
    assert proposal is None or not proposal.sure


# --- the light -----------------------------------------------------------------------------------


@pytest.mark.parametrize("desk", ["oak", "blue", "black", "mat"])
def test_yellow_light_is_taken_out_of_the_paper(desk: str) -> None:
    photograph = photographed(sheet_of((247, 246, 243)), 4, desk=desk, light=WARM_LIGHT)
    proposal = sure_of(photograph)
    assert proposal.edit.gains is not None
    before = mean_color(
        apply_edit(photograph.picture, Edit(proposal.edit.corners)), (0.4, 0.02, 0.6, 0.1)
    )
    after = mean_color(apply_edit(photograph.picture, proposal.edit), (0.4, 0.02, 0.6, 0.1))
    assert np.log(before[0] / before[2]) > 0.2
    assert -0.02 < np.log(after[0] / after[2]) < 0.1


def test_a_page_seen_without_its_edges_gets_light_only_as_a_suggestion() -> None:
    inner = photographed(sheet_of((247, 246, 243)), 4, light=WARM_LIGHT)
    page = apply_edit(inner.picture, Edit(inner.corners))
    page = page.crop((15, 15, page.width - 15, page.height - 15))
    proposal = propose_edit(page)
    assert proposal is not None
    assert (proposal.reason, proposal.sure, proposal.edit.corners) == ("light", False, None)


def white_dots_on(paper: Color) -> Image.Image:
    sheet = sheet_of(paper)
    pen = ImageDraw.Draw(sheet)
    for x in range(40, 540, 60):
        pen.ellipse((x, 20, x + 26, 46), (250, 250, 250))
    return sheet


@pytest.mark.parametrize(
    ("name", "sheet"),
    [
        ("kraft", sheet_of((186, 146, 104))),
        ("manila with white paint", white_dots_on((225, 198, 160))),
        ("black", sheet_of((38, 38, 40))),
        ("grey", sheet_of((150, 150, 150))),
        ("a full-page yellow painting", sheet_of((242, 204, 60))),
        ("pale yellow", sheet_of((250, 240, 190))),
        ("pink", sheet_of((248, 205, 214))),
        ("pale blue", sheet_of((196, 218, 240))),
    ],
)
@pytest.mark.parametrize("desk", ["walnut", "grey"])
def test_colored_paper_keeps_its_color(name: str, sheet: Image.Image, desk: str) -> None:
    photograph = photographed(sheet, 6, desk=desk, light=DAYLIGHT)
    proposal = propose_edit(photograph.picture)
    assert proposal is None or proposal.edit.gains is None, name


def test_buff_paper_on_a_grey_desk_keeps_its_color_under_a_white_light() -> None:
    """By itself it looks like white paper under a lamp: only the desk tells."""
    buff = sheet_of((238, 212, 178))
    assert sure_of(photographed(buff, 6, desk="grey", light=DAYLIGHT)).edit.gains is None
    lamp = photographed(sheet_of((247, 246, 243)), 6, desk="grey", light=WARM_LIGHT)
    assert sure_of(lamp).edit.gains is not None


def test_paper_photographed_grey_becomes_white_again_but_never_burns_out() -> None:
    photograph = photographed(sheet_of((247, 246, 243)), 7, desk="blue", light=(0.82, 0.82, 0.82))
    proposal = sure_of(photograph)
    made = apply_edit(photograph.picture, proposal.edit)
    paper = mean_color(made, (0.3, 0.02, 0.7, 0.12))
    assert 215 < paper.min() <= paper.max() < 254
    assert (np.asarray(made).min(2) == 255).mean() < 0.02


# --- applying ------------------------------------------------------------------------------------


def quarters() -> Image.Image:
    """Red, green, blue and grey, clockwise from the top left, all of them not too bright."""
    picture = Image.new("RGB", (400, 300))
    for at, color in (((0, 0), (150, 20, 20)), ((200, 0), (20, 150, 20)),
                      ((200, 150), (20, 20, 150)), ((0, 150), (120, 120, 120))):  # fmt: skip
        picture.paste(color, (*at, at[0] + 200, at[1] + 150))
    return picture


def test_an_edit_of_nothing_changes_nothing() -> None:
    picture = quarters()
    assert apply_edit(picture, Edit()).tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("turn", "top_left"),
    [(0, (150, 20, 20)), (1, (120, 120, 120)), (2, (20, 20, 150)), (3, (20, 150, 20))],
)
def test_a_picture_is_turned_clockwise(turn: int, top_left: Color) -> None:
    made = apply_edit(quarters(), Edit(turn=turn))
    assert made.size == ((400, 300) if turn % 2 == 0 else (300, 400))
    assert made.getpixel((5, 5)) == top_left


def test_corners_are_those_of_the_untouched_picture_and_the_turn_comes_last() -> None:
    left_half: Corners = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
    made = apply_edit(quarters(), Edit(left_half, gains=(1.2, 1, 1), turn=1))
    assert made.size == (300, 200)
    assert made.getpixel((250, 100)) == (180, 20, 20)
    assert made.getpixel((50, 100)) == (144, 120, 120)


def test_gains_stop_at_white() -> None:
    picture = Image.new("RGB", (8, 8), (230, 100, 200))
    made = apply_edit(picture, Edit(gains=(1.33, 0.75, 1.0)))
    assert made.getpixel((4, 4)) == (255, 75, 200)


def test_a_straight_crop_is_the_picture_there_hardly_softened() -> None:
    picture = drawing().resize((400, 400))
    made = apply_edit(picture, Edit(SQUARE))
    assert made.size == (200, 200)
    off = np.abs(np.asarray(made, int) - np.asarray(picture.crop((100, 100, 300, 300)), int))
    assert off.mean() < 4


def test_a_sheet_seen_at_an_angle_gets_its_own_shape_back() -> None:
    sheet = sheet_of((250, 250, 250), (594, 420))
    for seed in range(8):
        photograph = photographed(sheet, seed, desk="grey")
        made = apply_edit(photograph.picture, Edit(photograph.corners))
        assert made.width / made.height == pytest.approx(math.sqrt(2), rel=0.02)


def test_no_bright_line_is_drawn_around_a_stroke_on_grey_paper() -> None:
    picture = Image.new("RGB", (400, 300), (200, 200, 200))
    ImageDraw.Draw(picture).line((50, 60, 350, 240), (10, 10, 10), 8)
    tilted: Corners = ((0.1, 0.12), (0.9, 0.05), (0.95, 0.9), (0.05, 0.95))
    assert np.asarray(apply_edit(picture, Edit(tilted))).max() == 200


@pytest.mark.parametrize("turn", [0, 1])
def test_no_picture_becomes_longer_than_it_was(turn: int) -> None:
    picture = Image.new("RGB", (640, 200))
    for corners in (SQUARE, ((0, 0), (1, 0.4), (1, 0.6), (0, 1)), ((0, 0), (1, 0), (1, 1), (0, 1))):
        assert max(apply_edit(picture, Edit(corners, turn=turn)).size) <= 640


def test_any_mode_comes_out_as_rgb() -> None:
    for mode in ("L", "P", "RGBA", "CMYK", "1"):
        assert apply_edit(quarters().convert(mode), Edit(SQUARE)).mode == "RGB"
        propose_edit(quarters().convert(mode))


# --- what is stored ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit", [Edit(), Edit(turn=3), Edit(SQUARE, (0.9, 1.0, 1.25), 1), Edit(gains=(1.0, 1.0, 1.1))]
)
def test_an_edit_survives_a_json_field(edit: Edit) -> None:
    assert Edit.from_json(json.loads(json.dumps(edit.to_json()))) == edit


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Edit(corners=(SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3])), "around"),
        (lambda: Edit(corners=(SQUARE[3], SQUARE[2], SQUARE[1], SQUARE[0])), "around"),
        (lambda: Edit(corners=((0, 0), (1, 0), (0.3, 0.3), (0, 1))), "around"),
        (lambda: Edit(corners=((0.5, 0.5), (0.6, 0.5), (0.6, 0.6), (0.5, 0.6))), "close"),
        (lambda: Edit(corners=((-0.1, 0), (1, 0), (1, 1), (0, 1))), "inside"),
        (lambda: Edit(corners=((math.nan, 0), (1, 0), (1, 1), (0, 1))), "inside"),
        (lambda: Edit(corners=SQUARE[:3]), "four"),
        (lambda: Edit(gains=(1.0, 1.0, 1.5)), "factor"),
        (lambda: Edit(gains=(0.5, 1.0, 1.0)), "factor"),
        (lambda: Edit(gains=(math.nan, 1.0, 1.0)), "factor"),
        (lambda: Edit(turn=4), "quarters"),
        (lambda: Edit(turn=-1), "quarters"),
        (lambda: Edit(turn=True), "quarters"),
        (lambda: Edit.from_json([1]), "nothing else"),
        (lambda: Edit.from_json({"turn": 0, "crop": 1}), "nothing else"),
        (lambda: Edit.from_json({"turn": "1"}), "quarters"),
        (lambda: Edit.from_json({"corners": [[0, 0], [1, 0], [1, 1]]}), "four"),
        (lambda: Edit.from_json({"corners": [[0, 0], [1, 0], [1, 1], ["a", 1]]}), "Numbers"),
        (lambda: Edit.from_json({"corners": [[0, 0], [1, 0], [1, 1], [1]]}), "two numbers"),
        (lambda: Edit.from_json({"gains": "abc"}), "Numbers"),
        (lambda: Edit.from_json({"gains": [1, 1]}), "gain each"),
    ],
)
def test_a_senseless_edit_is_refused_with_a_sentence(make: Callable[[], Edit], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        make()
    assert str(caught.value).endswith(".")


# --- bounds --------------------------------------------------------------------------------------


def noise(size: tuple[int, int]) -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


def stripes(period: int) -> Image.Image:
    lines = np.indices((600, 800)) // period % 2
    return Image.fromarray((255 * (lines[0] ^ lines[1])).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize(
    "picture",
    [Image.new("RGB", (900, 700), color) for color in ("black", "white", "red")]
    + [Image.new("RGB", size) for size in ((1, 1), (1, 1000), (1000, 1), (3000, 40), (99, 101))]
    + [noise((700, 500)), noise((130, 900)), stripes(2), stripes(60), quarters()],
)
def test_no_odd_picture_raises_or_is_cropped_with_certainty(picture: Image.Image) -> None:
    before = picture.tobytes()
    proposal = propose_edit(picture)
    assert proposal is None or not proposal.sure
    assert picture.tobytes() == before


def test_the_same_picture_gives_the_same_proposal() -> None:
    photograph = photographed(drawing(), 9, desk="mat").picture
    first = propose_edit(photograph)
    assert first is not None
    assert propose_edit(photograph.copy()) == first


MEASURE = """
import json, sys, time
import cv2
from PIL import Image
from grading.intake.cleanup import apply_edit, propose_edit
cv2.setNumThreads(1)
def peak_mb():
    status = dict(line.split(":") for line in open("/proc/self/status").read().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024
picture = Image.open(sys.argv[1]).convert("RGB")
before = peak_mb()
start = time.process_time()
proposal = propose_edit(picture)
seconds, proposing = time.process_time() - start, peak_mb()
apply_edit(picture, proposal.edit)
print(json.dumps([seconds, proposing - before, peak_mb() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured by Linux's /proc")
def test_a_phone_photo_takes_little_time_and_memory(tmp_path: Path) -> None:
    photograph = photographed(drawing(), 2, desk="walnut").picture
    file = io.BytesIO()
    photograph.resize((4000, 3000)).save(file, "JPEG")
    (tmp_path / "photo.jpg").write_bytes(file.getvalue())
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "photo.jpg")],
        capture_output=True, check=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    seconds, proposing_mb, applying_mb = json.loads(run.stdout)
    assert seconds < 1.0  # 0.2 on a quiet machine
    assert proposing_mb < 80
    assert applying_mb < 150
