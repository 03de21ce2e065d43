"""Where on a photograph the sheet of paper lies.

Straight lines along which the color steps are paired into quadrilaterals; the best of them is moved
onto its edges with a fraction of a pixel and then doubted. To miss a sheet costs a teacher four
drags of a corner, a wrong crop costs a child part of the drawing, so that every doubt counts.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Lab = NDArray[np.float32]  # (height, width, 3): lightness 0..100, a, b
Quad = NDArray[np.float64]  # (4, 2) in pixels between pixel corners, clockwise from the top left
Lines = NDArray[np.float64]  # (N, 3): x cos + y sin = rho, as (cos, sin, rho)

LINES = 32
LOOKED_AT, TRIED = 40, 5  # quadrilaterals
# Differences of color (CIE 1976) across an edge: an eye sees the first at once. The second is white
# paper on a white desk.
CLEAR_STEP, FAINT_STEP = 7.0, 3.0
NEAR_PX, FAR_PX = 4.0, 11.0  # of 500: a drawn line steps up and down again between the two
LEAST_SHEET = 0.10  # of the picture: less is a note or a label
FILLS_FRAME = 0.94  # of the picture: there is nothing to cut off
LEAST_SIDE_SUPPORT, LEAST_SUPPORT = 0.55, 0.72
SURE_SIDE_SUPPORT = 0.80
BAND = 0.03  # of the diagonal: what is looked at on both sides of an edge
MOST_BARE = 0.15  # of a side: a brown mark on a brown desk, but no more
MOST_BEYOND = 0.65  # of an edge's continuation beyond a corner
MOST_CROSSED = 0.03  # of a side, by a hand or by a mark that leaves the sheet
LEAST_LIGHTER = 2.0  # a sheet that is darker than the desk may be a painted field
OUTERMOST = 0.35  # of the steepest step, as a clear one
MOST_BENT = 0.004  # of the diagonal: paper edges are straight, painted ones are not


@dataclass(frozen=True)
class Sheet:
    quad: Quad
    sure: bool


def find_sheet(rgb: NDArray[np.uint8]) -> Sheet | None:
    """`rgb` is at most about 1000 pixels long; the quadrilateral is in its pixels."""
    lab = _lab(cv2.medianBlur(rgb, 5))
    perhaps: Sheet | None = None
    for step in (CLEAR_STEP, FAINT_STEP):
        for candidate in _candidates(lab, step):
            quad = _refined(lab, candidate)
            if quad is None or not _has_shape_of_a_sheet(quad, lab.shape):
                continue
            doubt = _doubt(lab, quad, step)
            if doubt == 0:
                return Sheet(quad, sure=True)
            if doubt == 1 and perhaps is None:
                perhaps = Sheet(quad, sure=False)
    return perhaps


def _lab(rgb: NDArray[np.uint8]) -> Lab:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


# --- lines and their pairs -----------------------------------------------------------------------


def _candidates(lab: Lab, step: float) -> list[Quad]:
    scale = 500 / max(lab.shape[:2])
    small = cv2.resize(lab, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    lines = _straight_lines(small, step)
    if len(lines) < 4:
        return []
    steps = _Steps(small, lines, step)
    best = steps.strongest(LINES)
    ranked = _paired(lines[best], _Steps(small, lines[best], step), small.shape)
    liked = [(score - 0.9 * max(_likeness(small, quad, step)), quad) for score, quad in ranked]
    liked.sort(key=lambda pair: -pair[0])
    return [quad / scale for _, quad in liked[:TRIED]]


def _straight_lines(lab: Lab, step: float) -> Lines:
    soft = cv2.GaussianBlur(lab, None, 1.2)
    edges = np.zeros(lab.shape[:2], np.uint8)
    for channel in range(3):
        dx = cv2.Sobel(soft[..., channel], cv2.CV_32F, 1, 0)
        dy = cv2.Sobel(soft[..., channel], cv2.CV_32F, 0, 1)
        edges |= cv2.Canny(
            (16 * dx).astype(np.int16), (16 * dy).astype(np.int16), 17 * step, 43 * step
        )
    votes = max(24, min(lab.shape[:2]) // 8)
    found = cv2.HoughLines(edges, 1.0, np.pi / 240, votes)
    if found is None:
        return np.zeros((0, 3))
    rho, theta = found.reshape(-1, 2)[:600].astype(np.float64).T
    lines = np.stack([np.cos(theta), np.sin(theta), rho], 1)
    return _without_twins(lines, lab.shape)


def _without_twins(lines: Lines, shape: tuple[int, ...]) -> Lines:
    """Lines that run within a few pixels of a stronger one all across the picture are dropped."""
    ends = _ends(lines, shape)
    kept: list[int] = []
    for i, (start, end) in enumerate(ends):
        others = lines[kept]
        apart = np.stack([np.abs(others[:, :2] @ p - others[:, 2]) for p in (start, end)])
        if not kept or apart.max(0).min() > 4.0:
            kept.append(i)
        if len(kept) == 160:
            break
    return lines[kept]


def _ends(lines: Lines, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(N, 2, 2): where lines enter and leave a circle around the picture."""
    center = np.array([shape[1], shape[0]]) / 2
    reach = float(np.hypot(*center))
    along = np.stack([-lines[:, 1], lines[:, 0]], 1)
    foot = center - (lines[:, :2] @ center - lines[:, 2])[:, None] * lines[:, :2]
    return np.stack([foot - reach * along, foot + reach * along], 1)


class _Steps:
    """Along each line, at which points the color steps from one side to the other."""

    def __init__(self, lab: Lab, lines: Lines, step: float) -> None:
        height, width = lab.shape[:2]
        self.ends = _ends(lines, lab.shape)
        self.n = 260
        t = np.linspace(0, 1, self.n)[None, :, None]
        points = self.ends[:, :1] * (1 - t) + self.ends[:, 1:] * t  # (N, n, 2)
        normal = lines[:, None, :2]
        steps = []
        for offset, blur in ((NEAR_PX, 1.5), (FAR_PX, 4.0)):
            soft = cv2.GaussianBlur(lab, None, blur)
            sides = [_at(soft, points + sign * offset * normal) for sign in (1, -1)]
            steps.append(sides[0] - sides[1])
        near, far = (np.linalg.norm(step, axis=2) for step in steps)
        same_way = (steps[0] * steps[1]).sum(2) > 0
        self.stepping = (near > step) & (far > 0.7 * step) & same_way
        inside = ((points >= 1) & (points <= [width - 1, height - 1])).all(2)
        self.stepping &= inside
        self.lighter = np.where(self.stepping, np.sign(steps[1][..., 0]), 0.0)  # (N, n)
        self.sums = np.pad(np.cumsum(self.stepping, 1), ((0, 0), (1, 0)))
        self.light_sums = np.pad(np.cumsum(self.lighter, 1), ((0, 0), (1, 0)))

    def strongest(self, n: int) -> NDArray[np.intp]:
        """By their best stretch, in which a gap weighs three times what a step does."""
        run, best = np.zeros(len(self.stepping)), np.zeros(len(self.stepping))
        for column in self.stepping.T:
            run = np.maximum(0, run + np.where(column, 1.0, -3.0))
            best = np.maximum(best, run)
        return np.argsort(-best, kind="stable")[:n]

    def places(self, line: NDArray[np.intp], at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where along its line each point lies, as a place in the sums."""
        start, end = self.ends[line, 0], self.ends[line, 1]
        along = end - start
        t = ((at - start) * along).sum(-1) / (along * along).sum(-1)
        return t * (self.n - 1)

    def share(
        self, sums: NDArray[np.float64], line: NDArray[np.intp], a: NDArray, b: NDArray
    ) -> NDArray[np.float64]:
        low = np.clip(np.round(np.minimum(a, b)), 0, self.n).astype(int)
        high = np.clip(np.round(np.maximum(a, b)), 0, self.n).astype(int)
        return (sums[line, high] - sums[line, low]) / np.maximum(high - low, 1)


def _at(lab: Lab, points: NDArray[np.float64]) -> Lab:
    """(..., 3) colors at points between pixel corners."""
    maps = (points - 0.5).astype(np.float32)
    return np.asarray(
        cv2.remap(
            lab, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    )


def _paired(lines: Lines, steps: _Steps, shape: tuple[int, ...]) -> list[tuple[float, Quad]]:
    """Quadrilaterals of two and two opposite lines with their scores, the best first."""
    n = len(lines)
    if n < 4:
        return []
    first, second = np.triu_indices(n, 1)
    angles = np.arctan2(lines[:, 1], lines[:, 0])
    between = np.abs((angles[first] - angles[second] + np.pi / 2) % np.pi - np.pi / 2)
    opposite = between < np.radians(38)
    first, second = first[opposite], second[opposite]
    p, q = np.triu_indices(len(first), 1)
    crossing = np.ones(len(p), bool)
    for u in (first, second):
        for v in (first, second):
            turn = np.abs((angles[u[p]] - angles[v[q]] + np.pi / 2) % np.pi - np.pi / 2)
            crossing &= turn > np.radians(48)
    a, c, b, d = first[p][crossing], second[p][crossing], first[q][crossing], second[q][crossing]
    sides = np.stack([a, b, c, d], 1)  # around: each meets the next
    corners = np.stack([_meeting(lines, sides[:, k - 1], sides[:, k]) for k in range(4)], 1)
    height, width = shape[:2]
    room = 0.004 * max(shape)
    seen = ((corners > -room) & (corners < [width + room, height + room])).all((1, 2))
    area = np.abs(_areas(corners)) / (width * height)
    good = seen & (area > LEAST_SHEET)
    sides, corners, area = sides[good], corners[good], area[good]
    support, beyond, light = _support(steps, sides, corners)
    fits = (support.min(1) > LEAST_SIDE_SUPPORT - 0.1) & (support.mean(1) > LEAST_SUPPORT - 0.1)
    score = (
        support.mean(1) + 0.5 * support.min(1) - 0.35 * beyond.mean(1)
        + 0.2 * light.mean(1) + 0.25 * np.sqrt(area)
    )  # fmt: skip
    score[~fits] = -1
    ranked = np.argsort(-score, kind="stable")[:400]
    chosen: list[tuple[float, Quad]] = []
    for i in ranked:
        if score[i] < 0 or len(chosen) == LOOKED_AT:
            break
        quad = _clockwise(corners[i])
        if all(np.abs(quad - other).max() > 5 for _, other in chosen):
            chosen.append((float(score[i]), quad))
    return chosen


def _meeting(lines: Lines, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.float64]:
    (a, b, r), (c, d, s) = lines[i].T, lines[j].T
    det = a * d - b * c
    det = np.where(np.abs(det) < 1e-9, 1e-9, det)
    return np.stack([(r * d - b * s) / det, (a * s - r * c) / det], 1)


def _areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    after = np.roll(corners, -1, 1)
    cross = corners[..., 0] * after[..., 1] - corners[..., 1] * after[..., 0]
    return np.asarray(cross.sum(1) / 2)


def _support(
    steps: _Steps, sides: NDArray[np.intp], corners: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(N, 4) each: the share of a side along which the color steps; the same a little beyond its
    corners, where the edge of a sheet has ended and a line on a tablecloth goes on; and from -1 to
    1 whether the inside is the lighter one."""
    support, beyond, light = [], [], []
    center = corners.mean(1)
    lines = np.stack([steps.ends[:, 1, 1] - steps.ends[:, 0, 1],
                      steps.ends[:, 0, 0] - steps.ends[:, 1, 0]], 1)  # fmt: skip
    for k in range(4):
        line = sides[:, k]
        a = steps.places(line, corners[:, k])
        b = steps.places(line, corners[:, (k + 1) % 4])
        length = b - a
        support.append(steps.share(steps.sums, line, a + 0.03 * length, b - 0.03 * length))
        over = [
            steps.share(steps.sums, line, end + sign * 0.04 * length, end + sign * 0.16 * length)
            for end, sign in ((a, -1), (b, 1))
        ]
        beyond.append(sum(over) / 2)
        # Steps are taken from the side of -normal to that of +normal.
        inward = np.sign(((center - steps.ends[line, 0]) * lines[line]).sum(1))
        light.append(inward * steps.share(steps.light_sums, line, a, b))
    return np.stack(support, 1), np.stack(beyond, 1), np.stack(light, 1)


def _clockwise(quad: NDArray[np.float64]) -> Quad:
    """From the corner nearest to the top left."""
    center = quad.mean(0)
    around = np.argsort(np.arctan2(*(quad - center).T[::-1]))
    quad = quad[around]
    return np.roll(quad, -int(np.argmin(quad.sum(1))), 0)


# --- onto the edge -------------------------------------------------------------------------------


def _refined(lab: Lab, quad: Quad) -> Quad | None:
    """Each side is laid through the steepest places across it."""
    for reach in (14, 6):
        fitted = [_edge(lab, quad[k], quad[(k + 1) % 4], reach) for k in range(4)]
        lines = np.stack([line for line, _ in fitted])
        bends = np.array([bend for _, bend in fitted])
        corners = [_meeting(lines, np.array([k - 1]), np.array([k]))[0] for k in range(4)]
        quad = np.stack(corners)
        if not np.isfinite(quad).all():
            return None
    if bends.max() > MOST_BENT * np.hypot(*lab.shape[:2]):
        return None
    # Outwards by as much as the paper's own edge bends: a line of desk is better than a lost one
    # of the drawing.
    outward = np.sign(lines[:, :2] @ quad.mean(0) - lines[:, 2])
    lines[:, 2] -= outward * (0.15 + np.maximum(0, bends - 0.25))
    return np.stack([_meeting(lines, np.array([k - 1]), np.array([k]))[0] for k in range(4)])


def _strip(
    lab: Lab,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    reach: float,
    n: int = 120,
    apart: float = 0.5,
) -> tuple[Lab, NDArray[np.float64], NDArray[np.float64]]:
    """(n, places, 3) colors along a side and, `apart` pixels from each other, across it, from the
    outside to the inside; the points along it; the direction inwards."""
    along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    inward = np.array([-along[1], along[0]])
    t = np.linspace(0.03, 0.97, n)[:, None]
    points = a * (1 - t) + b * t
    across = np.linspace(-reach, reach, int(2 * reach / apart) + 1)
    return _at(lab, points[:, None] + across[None, :, None] * inward), points, inward


def _edge(
    lab: Lab, a: NDArray[np.float64], b: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.float64], float]:
    """The line through an edge, and how far (90 of 100 places) it strays from it in pixels."""
    strip, points, inward = _strip(lab, a, b, reach)
    k = 3
    change = strip[:, 2 * k :] - strip[:, : -2 * k]  # (n, places, 3): over three pixels
    steep = np.linalg.norm(change, axis=2)
    # The outermost of the clear steps, not the steepest: that may be where a border line that the
    # child drew along the edge meets the paper.
    clear = steep > OUTERMOST * steep.max(1, keepdims=True)
    peak = (steep[:, 1:-1] >= steep[:, :-2]) & (steep[:, 1:-1] >= steep[:, 2:]) & clear[:, 1:-1]
    at = np.where(peak.any(1), np.argmax(peak, axis=1) + 1, np.argmax(steep, axis=1))
    across = np.linspace(-reach, reach, strip.shape[1])[k:-k][at] + _peak(steep, at) * 0.5
    found = points + across[:, None] * inward
    strong = steep[np.arange(len(at)), at] > 0.35 * np.median(steep.max(1))
    found = found[strong] if strong.sum() >= 20 else found
    dx, dy, x, y = cv2.fitLine(found.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
    normal = np.array([-dy, dx], np.float64)
    off = np.abs((found - [x, y]) @ normal)
    near = found[off < max(1.5, 2.5 * float(np.median(off)))]
    dx, dy, x, y = cv2.fitLine(near.astype(np.float32), cv2.DIST_L2, 0, 0.01, 0.01).ravel()
    normal = np.array([-dy, dx], np.float64)
    off = np.abs((found - [x, y]) @ normal)
    return np.array([*normal, normal @ [x, y]]), float(np.percentile(off, 80))


def _peak(values: NDArray[np.float32], at: NDArray[np.intp]) -> NDArray[np.float64]:
    """By a parabola through a maximum and its neighbors, in places."""
    row = np.arange(len(at))
    inner = np.clip(at, 1, values.shape[1] - 2)
    low, mid, high = (values[row, inner + k].astype(np.float64) for k in (-1, 0, 1))
    curve = low - 2 * mid + high
    shift = np.where(curve < -1e-9, (low - high) / np.minimum(2 * curve, -1e-9), 0.0)
    return np.where(at == inner, np.clip(shift, -0.5, 0.5), 0.0)


# --- doubts --------------------------------------------------------------------------------------


def _has_shape_of_a_sheet(quad: Quad, shape: tuple[int, ...]) -> bool:
    height, width = shape[:2]
    if not ((quad > -3) & (quad < [width + 3, height + 3])).all():
        return False
    sides = np.roll(quad, -1, 0) - quad
    lengths = np.hypot(*sides.T)
    turns = [np.cross([*sides[k - 1], 0], [*sides[k], 0])[2] for k in range(4)]
    sines = np.array(turns) / np.maximum(lengths * np.roll(lengths, 1), 1e-9)
    share = float(_areas(quad[None])[0]) / (width * height)
    longish = lengths.max() / max(lengths.min(), 1e-9) < 3.2
    return bool((sines > 0.7).all() and LEAST_SHEET < share < FILLS_FRAME and longish)


@dataclass(frozen=True)
class _Side:
    """One edge and what lies on both sides of it, at n places along it."""

    step: NDArray[np.bool_]  # (n,) the color changes here
    crossed: NDArray[np.bool_]  # (n,) it does not, and what is outside is no usual desk
    bare: NDArray[np.bool_]  # (n,) what is inside looks like the desk
    seen: float  # share of what is outside that the picture shows
    lightness: float  # inside less outside
    outside: Lab  # (3,) the usual color outside


def _doubt(lab: Lab, quad: Quad, step: float) -> int:
    """0: a sheet; 1: perhaps, for one reason not; 2: no."""
    sides = [_side(lab, quad[k], quad[(k + 1) % 4], step) for k in range(4)]
    alike = max(_likeness(lab, quad, step))
    support = [float(side.step.mean()) for side in sides]
    if min(support) < LEAST_SIDE_SUPPORT or np.mean(support) < LEAST_SUPPORT or alike > 0.5:
        return 2
    ends = [(k, (k + 1) % 4) for k in range(4)] + [((k + 1) % 4, k) for k in range(4)]
    goes_on = [_goes_on(lab, quad[a], quad[b], step) for a, b in ends]
    if all(_is_blank_paper(side) for side in sides if side.seen > 0.5):
        return 2  # a painted field on a white page, as far as one can see
    doubts = [
        min(support) < SURE_SIDE_SUPPORT,
        alike > 0.3,
        max(float(side.crossed.mean()) for side in sides) > MOST_CROSSED,
        max(float(side.bare.mean()) for side in sides) > MOST_BARE,
        min(side.seen for side in sides) < 0.5,
        max(goes_on) > MOST_BEYOND,
        float(np.median([side.lightness for side in sides])) < LEAST_LIGHTER,
    ]
    return min(2, sum(doubts))


def _side(lab: Lab, a: NDArray[np.float64], b: NDArray[np.float64], least: float) -> _Side:
    diagonal = float(np.hypot(*lab.shape[:2]))
    reach = BAND * diagonal
    strip, points, inward = _strip(lab, a, b, reach, 160)
    across = np.linspace(-reach, reach, strip.shape[1])
    near = 0.007 * diagonal
    out_near = strip[:, (across < -2.5) & (across > -near)].mean(1)
    in_near = strip[:, (across > 2.5) & (across < near)].mean(1)
    out = strip[:, across < -2.5]
    step = np.linalg.norm(in_near - out_near, axis=1) > least
    desk = _usual_along(np.median(out, axis=1))
    usual = float(np.percentile(np.linalg.norm(out - desk[:, None], axis=2), 75))
    odd = np.linalg.norm(out_near - desk, axis=1) > max(least, 2.5 * usual)
    bare = np.linalg.norm(in_near - desk, axis=1) < np.clip(1.2 * usual, least, 2 * least)
    outermost = points - near * inward
    seen = ((outermost > 0) & (outermost < [lab.shape[1], lab.shape[0]])).all(1)
    inside = np.median(strip[:, across > 2.5].reshape(-1, 3), axis=0)
    outside = np.median(out.reshape(-1, 3), axis=0)
    return _Side(
        step=step,
        crossed=~step & odd,
        bare=bare,
        seen=float(seen.mean()),
        lightness=float(inside[0] - outside[0]),
        outside=outside,
    )


def _usual_along(colors: Lab) -> Lab:
    """(n, 3), each the median of a quarter of them around it: a desk goes from light to shadow."""
    reach = len(colors) // 8
    padded = np.pad(colors, ((reach, reach), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return np.asarray(np.median(windows, axis=-1))


def _steps_alike(change: Lab, usual: Lab, least: float) -> NDArray[np.bool_]:
    """(n,): as far as `least`, and not the other way than usual."""
    size = np.linalg.norm(change, axis=1)
    toward = change @ usual / max(float(np.linalg.norm(usual)), 1e-9)
    return np.asarray((size > least) & (toward > 0.2 * size))


def _goes_on(lab: Lab, a: NDArray[np.float64], b: NDArray[np.float64], least: float) -> float:
    """How much of the edge from a to b is still there beyond b, where a sheet has ended and a
    tablecloth, or a sheet that is larger, goes on."""
    diagonal = float(np.hypot(*lab.shape[:2]))
    reach = 0.007 * diagonal
    usual: Lab | None = None
    for start, end in ((a, b), (b + 0.02 * (b - a), b + 0.14 * (b - a))):
        strip, points, _ = _strip(lab, start, end, reach, 60)
        across = np.linspace(-reach, reach, strip.shape[1])
        change = strip[:, across > 2.5].mean(1) - strip[:, across < -2.5].mean(1)
        if usual is None:
            usual = np.median(change, axis=0)
    assert usual is not None
    seen = ((points > 2) & (points < [lab.shape[1] - 2, lab.shape[0] - 2])).all(1)
    similar = np.linalg.norm(change - usual, axis=1) < 0.75 * np.linalg.norm(usual)
    return float((_steps_alike(change, usual, least) & similar & seen).mean())


def _is_blank_paper(side: _Side) -> bool:
    chroma = float(np.hypot(side.outside[1], side.outside[2]))
    return bool(side.outside[0] > 84 and chroma < 12 and side.lightness < 0)


def _likeness(lab: Lab, quad: Quad, step: float) -> list[float]:
    """From 0 to 1, for each side: how far the colors a little outside are those a little inside, as
    on a tablecloth, or where the paper goes on behind a painted line."""
    diagonal = float(np.hypot(*lab.shape[:2]))
    reach, edge = 0.045 * diagonal, 0.004 * diagonal
    shares = []
    for k in range(4):
        strip, *_ = _strip(lab, quad[k], quad[(k + 1) % 4], reach, 48, 1.0)
        across = np.linspace(-reach, reach, strip.shape[1])
        colors = [strip[:, across < -edge], strip[:, across > edge]]
        shares.append(
            max(_common(colors[0] / step, colors[1] / step, shift) for shift in (0.0, 0.5))
        )
    return shares


def _common(a: Lab, b: Lab, shift: float) -> float:
    """The common part of two histograms of color, in steps."""
    counts = []
    for colors in (a, b):
        # Far colors fold onto each other, which matters to no photograph.
        cells = np.floor(colors.reshape(-1, 3) / 1.4 + shift).astype(int) & 15
        flat = (cells[:, 0] * 16 + cells[:, 1]) * 16 + cells[:, 2]
        counts.append(np.bincount(flat, minlength=16**3) / len(flat))
    return float(np.minimum(counts[0], counts[1]).sum())
