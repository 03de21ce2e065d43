"""Which light a sheet of paper was photographed under, where that can be known.

White paper under a lamp and pale brown paper under the sky are the same numbers. What tells them
apart is that nothing drawn on white paper is brighter and greyer, that lamps follow the
black-body curve while papers need not, and that a grey desk beside it shows the light as well.
Color is scored: where these do not agree, nothing is said.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from grading.intake.edits import LEAST_GAIN, MOST_GAIN, Gains

SIDE, TILE = 256, 16  # the sheet is looked at in 16 x 16 tiles
LUMA = np.array([0.299, 0.587, 0.114])
LEAST_PAPER = 0.28  # of the tiles must show the same paper: a full-page painting shows none
SAME_PAPER = 0.07  # apart, in logarithms of green and blue by red
# Blue by red: whiter than this is the paper's own cream, yellower than that is no white paper.
FAINTEST, STRONGEST = -0.10, -0.42
# Green lies so far along the way to blue: daylight and lamps 0.3 to 0.55, yellow paper below.
LAMPS = (0.25, 0.62)
GREY = 0.09  # in green or blue: no cast, whatever it comes from
KEPT = -0.05  # what remains of the cast: paper is a little warm by itself
LEAST_LUMA = 105.0  # darker paper is not white, or the photograph too dark to say
BRIGHTEST = 0.75  # of the brightest tiles: paint is darker than the paper it is on
BRIGHTER = 1.18  # than the paper: it is not white
WHITE, LEAST_WHITE = 240.0, 165.0  # the best lit tenth of the paper: brought to, if it is as bright
LEAST_CHANGE = 0.02
MOST_WHITER, MOST_NEUTRAL = 0.02, 0.15  # of the sheet, of what is around it

Rgb = NDArray[np.uint8]  # (height, width, 3)


def gains_for_paper(rgb: Rgb, quad: NDArray[np.float64] | None) -> Gains | None:
    """What makes the paper inside `quad` (4, 2) nearly white again; None where it is already, or
    where nobody can tell. Without a sheet the picture is taken to be all paper, as bright as it
    should be.

    Gains multiply encoded values: a light multiplies linear ones, and a power of a product is the
    product of the powers.
    """
    sheet = _straight(rgb, quad)
    tiles = _tiles(sheet)
    at = _same_paper(tiles)
    if at is None:
        return None
    paper = np.median(tiles[at], axis=0)
    if paper @ LUMA < LEAST_LUMA or _share_whiter(sheet, tiles, at) > MOST_WHITER:
        return None
    green, blue = _cast(paper)
    cast = np.ones(3)
    if max(abs(green), abs(blue)) > GREY:
        if not _is_a_lamp(green, blue):
            return None
        if quad is not None and _share_neutral(rgb, quad, blue) > MOST_NEUTRAL:
            return None
        cast = _without_cast(paper, green, blue)
    elif quad is None:
        return None
    gains = cast if quad is None else cast * _lift(tiles[at] @ LUMA, cast)
    if np.abs(gains - 1).max() < LEAST_CHANGE:
        return None
    r, g, b = (round(float(gain), 3) for gain in np.clip(gains, LEAST_GAIN, MOST_GAIN))
    return r, g, b


def _is_a_lamp(green: float, blue: float) -> bool:
    return STRONGEST < blue < FAINTEST and LAMPS[0] < green / blue < LAMPS[1]


def _straight(rgb: Rgb, quad: NDArray[np.float64] | None) -> NDArray[np.float32]:
    if quad is None:
        height, width = rgb.shape[:2]
        quad = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    inner = quad.mean(0) + 0.96 * (quad - quad.mean(0))
    square = np.array([(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)], np.float32)
    warp = cv2.getPerspectiveTransform((inner - 0.5).astype(np.float32), square - 0.5)
    soft = cv2.GaussianBlur(rgb, None, 1.5)
    straight = cv2.warpPerspective(soft, warp, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.maximum(straight, 1), np.float32)


def _tiles(sheet: NDArray[np.float32]) -> NDArray[np.float64]:
    """(256, 3): the color of the brighter half of each tile, short of its brightest tenth."""
    n = SIDE // TILE
    tiles = sheet.reshape(n, TILE, n, TILE, 3).swapaxes(1, 2).reshape(n * n, TILE * TILE, 3)
    order = np.argsort(tiles @ LUMA, axis=1)[:, TILE * TILE // 2 : TILE * TILE * 9 // 10]
    return np.asarray(np.take_along_axis(tiles, order[..., None], axis=1).mean(1), np.float64)


def _cast(colors: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 2): logarithms of green and of blue by red; both 0 for grey."""
    logs = np.log(np.maximum(colors, 1))
    return np.asarray(logs[..., 1:] - logs[..., :1])


def _same_paper(tiles: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    cast, luma = _cast(tiles), tiles @ LUMA
    near = np.linalg.norm(cast[:, None] - cast[None], axis=2) < SAME_PAPER
    # Half as bright is a shadow; darker still is paint of the same color.
    alike = near & (np.abs(np.log(luma[:, None] / luma[None])) < 0.7)
    bright = luma > BRIGHTEST * np.percentile(luma, 95)
    most = int(np.argmax(alike.sum(1) * bright))
    return alike[most] if alike[most].mean() >= LEAST_PAPER else None


def _share_whiter(
    sheet: NDArray[np.float32], tiles: NDArray[np.float64], at: NDArray[np.bool_]
) -> float:
    """How much of the sheet is brighter than its paper would be there: white chalk on grey paper,
    or, brighter by a little and much nearer to grey, white paint on brown paper."""
    n = SIDE // TILE
    shown = at.reshape(n, n, 1).astype(np.float32)
    known = cv2.GaussianBlur(tiles.reshape(n, n, 3).astype(np.float32) * shown, None, 2.0)
    weight = cv2.GaussianBlur(shown, None, 2.0).reshape(n, n, 1)
    usual = np.median(tiles[at], axis=0).astype(np.float32)
    field = (known + 0.01 * usual) / (weight + 0.01)
    paper = cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    by = (sheet @ LUMA) / (paper @ LUMA)
    blue = min(float(_cast(usual)[1]), -GREY)
    greyer = _cast(sheet)[..., 1] > 0.5 * blue
    colored = float(_cast(usual)[1]) < -GREY
    return float(((by > BRIGHTER) | ((by > 1.03) & greyer & colored)).mean())


def _share_neutral(rgb: Rgb, quad: NDArray[np.float64], blue: float) -> float:
    """How much around the sheet is grey: under a yellow lamp nothing would be."""
    around = np.full(rgb.shape[:2], 1, np.uint8)
    cv2.fillConvexPoly(around, np.round(quad).astype(np.int32), 0)
    desk = cv2.erode(around, np.ones((9, 9), np.uint8), borderValue=1) > 0
    colors = cv2.GaussianBlur(rgb, None, 2)[desk].astype(np.float64)
    colors = colors[colors @ LUMA > 60]
    if len(colors) < 0.02 * rgb.shape[0] * rgb.shape[1]:
        return 0.0
    casts = _cast(colors)
    grey = (casts[:, 1] > 0.5 * blue) & (np.abs(casts) < 0.12).all(1)
    return float(grey.mean())


def _without_cast(paper: NDArray[np.float64], green: float, blue: float) -> NDArray[np.float64]:
    """(3,) gains that leave the paper as bright as it is."""
    change = np.exp(-np.array([0.0, green, blue]) * (1 - KEPT / blue))
    return np.asarray(change * (paper @ LUMA) / ((paper * change) @ LUMA))


def _lift(luma: NDArray[np.float64], cast: NDArray[np.float64]) -> float:
    """Paper that was photographed grey is made white: of all that a photograph does to a drawing,
    its darkness moves the scores most. All colors alike, as far as the gains go; grey paper stays.
    """
    brightest = float(np.percentile(luma, 90))
    if brightest < LEAST_WHITE:
        return 1.0
    return max(1.0, min(WHITE / brightest, MOST_GAIN / float(cast.max())))
