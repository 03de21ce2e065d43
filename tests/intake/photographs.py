"""Photographs of a drawing on a desk, composed from a seed, whose corners are known.

A sheet is turned in space before a pinhole camera, laid on a desk with its own small shadow, lit by
one lamp that falls off, then blurred, made noisy and saved as JPEG.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grading.intake.edits import Corners

Pixels = NDArray[np.float32]  # (height, width, 3), 0..255
Color = tuple[int, int, int]

# Encoded sRGB of a white sheet under daylight that the camera has balanced, and under lamps that it
# has balanced in part. Green lies between red and blue, as it does along the black-body curve.
DAYLIGHT = (1.0, 1.0, 1.0)
WARM_LIGHT = (1.0, 0.90, 0.77)
SEEN_FROM = ((0, 0), (1, 0), (1, 1), (0, 1))


@dataclass(frozen=True)
class Photograph:
    picture: Image.Image
    corners: Corners
    desk: str
    light: tuple[float, float, float]
    sheet_to_picture: NDArray[np.float64]  # (3, 3), from 0..1 of the sheet to 0..1 of the picture


def photographed(
    drawing: Image.Image,
    seed: int,
    *,
    desk: str | None = None,
    light: tuple[float, float, float] | None = None,
    hazard: str | None = None,
    size: tuple[int, int] = (1600, 1200),
) -> Photograph:
    """`hazard` is one of HAZARDS, or nothing."""
    rng = np.random.default_rng(seed)
    desk = desk or list(DESKS)[int(rng.integers(len(DESKS)))]
    light = light or _some_light(rng)
    corners_px = _before_the_camera(drawing.size, size, rng)
    if hazard == "cut off":
        corners_px += (0.25 + 0.1 * rng.random()) * np.array(size) * rng.choice([-1, 1], 2)
    canvas = _laid(DESKS[desk](rng, size), drawing, corners_px, rng, hazard == "second sheet")
    if hazard == "hand":
        canvas = _with_a_hand(canvas, corners_px, rng)
    canvas *= _falling_off(size, rng)[..., None] * np.array(light, np.float32)
    if hazard == "shadow":
        canvas *= _shadow_of_someone(size, corners_px, rng)[..., None]
    unit = np.array(SEEN_FROM, np.float32)
    shares = (corners_px / np.array(size)).astype(np.float32)
    (a, b, c, d) = ((float(x), float(y)) for x, y in shares)
    to_picture = cv2.getPerspectiveTransform(unit, shares)
    return Photograph(_taken(canvas, rng), (a, b, c, d), desk, light, to_picture)


HAZARDS = ("hand", "shadow", "second sheet", "cut off")


def _some_light(rng: np.random.Generator) -> tuple[float, float, float]:
    blue = rng.uniform(0.70, 1.0)
    return 1.0, float(blue ** rng.uniform(0.32, 0.55)), float(blue)


def _before_the_camera(
    sheet: tuple[int, int], size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """(4, 2) pixels: top left, top right, bottom right, bottom left."""
    width, height = np.array(sheet) / max(sheet)
    flat = np.array([(x - 0.5, y - 0.5, 0.0) for x, y in SEEN_FROM]) * [width, height, 0]
    roll, tilt, yaw = np.radians(rng.uniform(-1, 1, 3) * [14, 28, 20])
    turned = flat @ (_around("z", roll) @ _around("x", tilt) @ _around("y", yaw)).T
    focal = max(size) * rng.uniform(0.72, 1.0)
    share, room = rng.uniform(0.62, 0.93), rng.uniform(0.15, 0.85, 2)
    center, place = np.array(size) / 2, np.array([0.0, 0.0, 2.0])
    for _ in range(12):  # further away until it fills just its share of the frame, then aside
        seen = focal * (turned + place)[:, :2] / (turned + place)[:, 2:] + center
        filled = float(np.max(np.ptp(seen, axis=0) / np.array(size))) / share
        wanted = (np.array(size) - np.ptp(seen, axis=0) / filled) * room
        place *= filled
        place[:2] += 0.7 * (wanted - seen.min(0)) * place[2] / focal
    return np.asarray(seen, np.float64)


def _around(axis: str, angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    turns = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(turns[axis])


def _laid(
    canvas: Pixels,
    drawing: Image.Image,
    corners_px: NDArray[np.float64],
    rng: np.random.Generator,
    another: bool,
) -> Pixels:
    if another:
        center = corners_px.mean(0)
        turn = _around("z", rng.uniform(-0.4, 0.4))[:2, :2]
        away = np.array([rng.choice([-1, 1]), rng.choice([-0.5, 0.5])]) * np.ptp(corners_px, axis=0)
        below = (corners_px - center) @ turn.T + center + 0.35 * away
        canvas = _sheet_on(canvas, Image.new("RGB", (64, 48), (236, 235, 231)), below, rng)
    return _sheet_on(canvas, drawing, corners_px, rng)


def _sheet_on(
    canvas: Pixels, drawing: Image.Image, corners_px: NDArray[np.float64], rng: np.random.Generator
) -> Pixels:
    height, width = canvas.shape[:2]
    sheet = np.asarray(drawing.convert("RGB"))
    longest = float(np.max(np.linalg.norm(np.roll(corners_px, -1, 0) - corners_px, axis=1)))
    if max(drawing.size) > longest:  # a warp takes one of many pixels: shrink first
        shrink = longest / max(drawing.size)
        sheet = cv2.resize(sheet, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    edges = np.array(SEEN_FROM, np.float32) * (sheet.shape[1], sheet.shape[0])
    # Corners are corners of pixels, warps count from their centers.
    warp = cv2.getPerspectiveTransform(
        (edges - 0.5).astype(np.float32), (corners_px - 0.5).astype(np.float32)
    )
    inside = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(inside, np.round((corners_px - 0.5) * 16).astype(np.int32), 255, 16, 4)
    border = cv2.BORDER_REPLICATE
    warped = cv2.warpPerspective(sheet, warp, (width, height), borderMode=border)
    drop = np.roll(inside, tuple(rng.integers(-6, 9, 2).tolist()), (0, 1))
    shadow = cv2.GaussianBlur(drop, None, rng.uniform(3, 8)).astype(np.float32) / 255
    canvas = canvas * (1 - rng.uniform(0.1, 0.4) * shadow[..., None])
    cover = cv2.GaussianBlur(inside, None, 0.5).astype(np.float32)[..., None] / 255
    return canvas * (1 - cover) + warped * cover


def _with_a_hand(
    canvas: Pixels, corners_px: NDArray[np.float64], rng: np.random.Generator
) -> Pixels:
    """Three fingers over the middle of one edge."""
    side = int(rng.integers(4))
    a, b = corners_px[side], corners_px[(side + 1) % 4]
    inward = corners_px.mean(0) - (a + b) / 2
    inward /= np.linalg.norm(inward)
    skin = np.array(((236, 188, 158), (172, 116, 84), (96, 62, 46))[int(rng.integers(3))])
    thick = max(canvas.shape) / 26
    for k in range(3):
        at = a + (b - a) * (0.4 + 0.1 * k)
        tip, root = at + inward * thick * rng.uniform(0.8, 2), at - inward * thick * 30
        finger = np.zeros(canvas.shape[:2], np.uint8)
        ends = [tuple(np.round(p).astype(int).tolist()) for p in (tip, root)]
        cv2.line(finger, ends[0], ends[1], 255, round(thick * 1.3), cv2.LINE_AA)
        cover = finger[..., None].astype(np.float32) / 255
        canvas = canvas * (1 - cover) + (skin * (0.94 + 0.03 * k)).astype(np.float32) * cover
    return canvas


def _falling_off(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, 0.14) * (x * np.cos(angle) + y * np.sin(angle))
    vignette = rng.uniform(0.02, 0.12) * (x * x + y * y) / 2
    return np.asarray(rng.uniform(0.86, 1.0) * (1 + slope - vignette), np.float32)


def _shadow_of_someone(
    size: tuple[int, int], corners_px: NDArray[np.float64], rng: np.random.Generator
) -> Pixels:
    """Half as bright on one side of a soft line through the sheet."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    angle = rng.uniform(0, 2 * np.pi)
    cx, cy = corners_px.mean(0) + rng.uniform(-0.15, 0.15, 2) * size
    beyond = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    soft = rng.uniform(6, 30) * size[0] / 1600
    return np.asarray(1 - rng.uniform(0.3, 0.5) / (1 + np.exp(-beyond / soft)), np.float32)


def _taken(canvas: Pixels, rng: np.random.Generator) -> Image.Image:
    blurred = cv2.GaussianBlur(canvas, None, rng.uniform(0.5, 1.3))
    grain = rng.normal(0, rng.uniform(1.0, 3.5), canvas.shape[:2]).astype(np.float32)
    noisy = np.clip(blurred + grain[..., None], 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=int(rng.integers(72, 93)))
    return Image.open(file).convert("RGB")


def _clouds(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int]) -> Pixels:
    noise = rng.normal(size=(cells[1], cells[0])).astype(np.float32)
    return np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC))


def _wood(
    color: Color, contrast: float
) -> Callable[[np.random.Generator, tuple[int, int]], Pixels]:
    def desk(rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
        big = (int(1.6 * max(size)),) * 2
        grain = _clouds(rng, big, (5, 220)) + 0.6 * _clouds(rng, big, (12, 700))
        planks = np.ones(big, np.float32)
        for at in rng.integers(0, big[1], 4):
            planks[at : at + 3] = 0.6
        shade = (1 + contrast * grain) * planks.T[: big[1], : big[0]].T
        angle = float(rng.uniform(-90, 90))
        turn = cv2.getRotationMatrix2D((big[0] / 2, big[1] / 2), angle, 1)
        turn[:, 2] -= (np.array(big) - size) / 2
        laid = cv2.warpAffine(shade, turn, size, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(laid[..., None] * np.array(color, np.float32))

    return desk


def _laminate(
    color: Color, flecks: float
) -> Callable[[np.random.Generator, tuple[int, int]], Pixels]:
    def desk(rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
        cloud = _clouds(rng, size, (size[0] // 5, size[1] // 5)) + _clouds(rng, size, (6, 5))
        return np.asarray((1 + flecks * cloud)[..., None] * np.array(color, np.float32))

    return desk


def _cloth(rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
    """Checked, in two colors."""
    period = size[0] / rng.uniform(9, 16)
    x = (np.arange(size[0]) % period > period / 2).astype(np.float32)
    y = (np.arange(size[1]) % period > period / 2).astype(np.float32)
    share = ((x[None, :] + y[:, None]) / 2)[..., None]
    a, b = np.array((196, 60, 66), np.float32), np.array((214, 206, 196), np.float32)
    weave = 1 + 0.04 * _clouds(rng, size, (size[0] // 3, size[1] // 3))[..., None]
    return np.asarray((a * share + b * (1 - share)) * weave)


def _cutting_mat(rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
    canvas = _laminate((52, 112, 96), 0.015)(rng, size)
    step = size[0] / rng.uniform(14, 22)
    for at in np.arange(step / 2, size[0], step):
        canvas[:, int(at) : int(at) + 2] = (196, 206, 178)
    for at in np.arange(step / 2, size[1], step):
        canvas[int(at) : int(at) + 2] = (196, 206, 178)
    return canvas


DESKS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Pixels]] = {
    "oak": _wood((176, 132, 86), 0.07),
    "walnut": _wood((92, 62, 44), 0.10),
    "pine": _wood((214, 178, 128), 0.05),
    "grey": _laminate((138, 140, 144), 0.03),
    "blue": _laminate((62, 92, 150), 0.03),
    "black": _laminate((38, 38, 40), 0.05),
    "white": _laminate((222, 220, 214), 0.008),
    "cloth": _cloth,
    "mat": _cutting_mat,
}
