"""From nine causes to one picture: what is on the page and where."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ml.drawing.causes import look
from ml.drawing.figure import draw_figure
from ml.drawing.marks import TEXTURES
from ml.drawing.page import MEDIA, Page, Palette
from ml.drawing.shapes import Outline, box, dome
from ml.drawing.themes import THEMES, Theme, theme_for
from ml.drawing.things import ADDITIONS, INK, THINGS, Part
from ml.drawing.visitors import VISITORS, draw_visitor

THINGS_ON_A_PAGE = 7  # fixed: how many of them are remade must be gradable
SKY_THINGS = 3


def render(
    causes: Sequence[float], seed: int, size_px: int = 336, subject: str | None = None
) -> Image.Image:
    """One square drawing; the same arguments always give the same picture."""
    return compose(causes, seed, size_px, subject).finished()


def draw(
    seed: int,
    subject: str,
    causes: Sequence[float],
    size_px: int = 1024,
    medium: str | None = None,
) -> Image.Image:
    """A drawing to look at: drawn larger and reduced, so that its lines are smooth."""
    large = compose(causes, seed, round(1.5 * size_px), subject, medium).finished()
    return large.resize((size_px, size_px), Image.Resampling.LANCZOS)


def compose(
    causes: Sequence[float],
    seed: int,
    size_px: int,
    subject: str | None = None,
    medium: str | None = None,
) -> Page:
    """The page before its grain, with the map of its marks. ``medium`` is a name of MEDIA."""
    rng = np.random.default_rng(seed)
    name = subject or sorted(THEMES)[rng.integers(len(THEMES))]
    by_chance = sorted(MEDIA)[rng.integers(len(MEDIA))]
    meaning = look(causes)
    page = Page(size_px, meaning, Palette(meaning, rng), MEDIA[medium or by_chance], rng)
    Scene(page, theme_for(name), seed).draw()
    return page


class Scene:
    def __init__(self, page: Page, theme: Theme, seed: int) -> None:
        self.page, self.theme, self.seed = page, theme, seed
        self._new_chance(0)
        self.corner = (self.rng.choice([0.2, 0.8]), self.rng.choice([0.32, 0.72]))
        self.horizon = self.rng.uniform(-0.03, 0.03)
        self.middle = self.rng.uniform(0.3, 0.7)  # where the main figure stands
        self.taken: list[tuple[float, float, float]] = []  # x, y, radius of what has its place

    def draw(self) -> None:
        self._new_chance(1)
        self._sky()
        self._new_chance(2)
        self._fields()
        self._new_chance(3)
        self._strings()
        self._new_chance(4)
        faces = self._things()
        self._new_chance(5)
        self._people()
        for x, y in faces:  # last: nothing may hide the eyes
            self.page.eyes_and_grin(x, y, 0.047)
        self._new_chance(6)
        self._visitors()

    def _new_chance(self, *stage: int) -> None:
        """Each stage has its own chance, so that one cause leaves the rest of a picture alone."""
        self.rng = self.page.rng = np.random.default_rng([self.seed, *stage])

    def _sky(self) -> None:
        """Half of the children put a thin wash of color over the sky."""
        if self.page.look.shade > 0.02:
            self.page.sky_light()
        x, y = self._slid(0.5, 0.24, 0.55)
        if self.rng.random() < 0.5:
            sky = _pond(x, y, 0.44, 0.23, self.rng)
            self.page.fill(sky, self.page.palette.color(7, 0.3))

    def _slid(self, x: float, y: float, share: float = 1.0) -> tuple[float, float]:
        """Where a place on a well-organized page ends up on this one."""
        look, k = self.page.look, share * self.page.look.collapse
        x, y = np.array([x, y]) + self.rng.normal(size=2) * look.jitter
        return x * (1 - k) + self.corner[0] * k, y * (1 - k) + self.corner[1] * k

    def _free_place(
        self, x: tuple[float, float], y: tuple[float, float], radius: float
    ) -> tuple[float, float]:
        """The emptiest of some random places."""
        best, best_room = (0.5, 0.5), -9.0
        for _ in range(24):
            place = (self.rng.uniform(*x), self.rng.uniform(*y))
            room = min(
                (math.dist(place, (a, b)) - r - radius for a, b, r in self.taken), default=1.0
            )
            room = min(room, 0.05)  # far enough is far enough: keep the picture loose
            if room > best_room:
                best, best_room = place, room
        self.taken.append((*best, radius))
        return best

    def _fields(self) -> None:
        page, rng, look = self.page, self.rng, self.page.look
        kinds = np.random.default_rng([self.seed, 8]).permutation(TEXTURES)[: look.textures]
        shape = FIELD_SHAPES[rng.choice(self.theme.fields)]
        order = rng.permutation(6)
        textured = set(order[: look.textured].tolist())
        nth = {int(field): i for i, field in enumerate(order)}
        shift = rng.uniform(-0.05, 0.05, 2)
        shares = rng.uniform(0.8, 1.25, (2, 3))
        shares /= shares.sum(1, keepdims=True)
        for i in range(6):
            row, column = divmod(i, 3)
            x = shares[row, :column].sum() + shares[row, column] / 2 + shift[row]
            y = 0.725 + self.horizon + 0.185 * row + rng.normal() * 0.01
            width, height = 0.49 * shares[row, column], rng.uniform(0.085, 0.105)
            self._new_chance(2, i)
            x, y = self._slid(x, y, 0.55)
            x, y = np.clip(x, width * 0.7, 1 - width * 0.7), np.clip(y, height, 1 - height * 0.9)
            field = shape(x, y, width, height, self.rng)
            page.field(field, page.palette.color(i, 0.8))
            if i in textured:
                page.texture(field, kinds[nth[i] % len(kinds)])

    def _things(self) -> list[tuple[float, float]]:
        """Draw them back to front and say where the remade ones look from."""
        rng = self.rng
        self.taken.append((self.middle, 0.58, 0.14))  # room for the figure
        remade = set(rng.permutation(THINGS_ON_A_PAGE)[: self.page.look.remade].tolist())
        sky = rng.permutation(self.theme.sky)[:SKY_THINGS]
        ground = rng.permutation(self.theme.ground)[: THINGS_ON_A_PAGE - SKY_THINGS]
        placed = []
        for i, name in enumerate([*sky, *ground]):
            if i < SKY_THINGS:
                x, y = self._free_place((0.1, 0.9), (0.1, 0.32), 0.1)
            else:
                x, y = self._free_place((0.1, 0.9), (0.44, 0.6), 0.12)
            placed.append((y, i, str(name), *self._slid(x, y + self.horizon)))
        faces = []
        for _, i, name, x, y in sorted(placed):
            face = self._thing(
                i, name, float(np.clip(x, 0.09, 0.91)), float(np.clip(y, 0.09, 0.86)), i in remade
            )
            if i in remade:
                faces.append(face)
        return faces

    def _thing(self, i: int, name: str, x: float, y: float, remade: bool) -> tuple[float, float]:
        self._new_chance(4, i)
        page, rng, bend = self.page, self.rng, self.page.look.bend
        scale = (0.095 if i < SKY_THINGS else 0.115) * (1 + 0.06 * rng.normal())
        turn = rng.normal() * page.look.tilt
        sway = bend * rng.choice([-1, 1])
        phase = rng.random() * 0.6
        tall = 1 + 0.5 * bend * rng.choice([-0.8, 1])
        rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])

        def placed(line: Outline) -> Outline:
            line = np.asarray(line, float) * [tall**-0.5, tall]
            bent = line[:, 0] + sway * (np.sin(1.9 * line[:, 1] + phase) - math.sin(phase))
            return np.stack([bent, line[:, 1]], 1) @ rotation * scale + [x, y]

        thing = THINGS[name]
        parts: list[Part] = list(thing.parts)
        if i >= SKY_THINGS:
            page.shadow(x, y + scale * 1.02, scale * 1.25, scale * 0.3)
        if remade:
            chance = np.random.default_rng([self.seed, 7, i])
            growth = chance.permutation(sorted(ADDITIONS))[:2]
            parts = [part for name in growth for part in ADDITIONS[str(name)]] + parts
        page.traits = {"bend": bend, "addition": float(remade)}
        slip = int(rng.integers(0, 3))
        for line, slot in parts:
            if slot == INK:
                page.fill(placed(line), page.palette.ink, solid=True)
            else:
                page.shape(placed(line), page.palette.color(2 * i + slot + slip))
        face = placed(np.array([thing.face]))[0]
        return float(face[0]), float(face[1])

    def _people(self) -> None:
        rng, look = self.rng, self.page.look
        self.page.traits = {"bend": look.bend}
        x, y = self._slid(self.middle, 0.8)
        x, y = float(np.clip(x, 0.2, 0.8)), float(np.clip(y, 0.66, 0.86))
        for _ in range(int(rng.integers(0, self.theme.people))):
            side = float(np.clip(x + rng.choice([-1, 1]) * rng.uniform(0.16, 0.28), 0.1, 0.9))
            draw_figure(
                self.page, side, y - 0.03, 0.75 * look.head, 0.7 * look.arm, 0.75, look.bend
            )
        draw_figure(self.page, x, y, look.head, look.arm, 1.0, look.bend)

    def _strings(self) -> None:
        for i in range(self.page.look.strings):
            self._new_chance(3, i)
            line = STRINGS[int(self.rng.integers(len(STRINGS)))](self.rng)
            angle = self.rng.random() * math.pi
            rotation = np.array(
                [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
            )
            line = line @ rotation + self.rng.uniform(0.15, 0.85, 2)
            self.page.line(line, 1.9)
            self.page.marks.add_line("string", line)

    def _visitors(self) -> None:
        self.page.traits = {}
        kinds = self.rng.permutation(len(VISITORS))
        for i in range(self.page.look.visitors):
            self._new_chance(6, i)
            x, y = self._free_place((0.1, 0.9), (0.1, 0.46), 0.085)
            x, y = self._slid(x, y, 0.2)
            draw_visitor(
                self.page,
                int(kinds[i % len(VISITORS)]),
                float(np.clip(x, 0.09, 0.91)),
                float(np.clip(y, 0.09, 0.9)),
                0.062,
                i,
            )


def _wind(rng: np.random.Generator) -> Outline:
    t = np.linspace(-1, 1, 36)
    reach = rng.uniform(0.36, 0.5)
    return np.stack([reach * t, rng.normal() * 0.1 * np.sin(3.4 * t)], 1)


def _loops(rng: np.random.Generator) -> Outline:
    t = np.linspace(-1, 1, 48)
    reach, r = rng.uniform(0.34, 0.46), rng.uniform(0.055, 0.085)
    return np.stack([reach * t + r * np.sin(9 * t), r * np.cos(9 * t)], 1)


def _garland(rng: np.random.Generator) -> Outline:
    t = np.linspace(-1, 1, 40)
    reach, waves = rng.uniform(0.38, 0.5), rng.uniform(6, 9)
    return np.stack([reach * t, 0.12 * t**2 + 0.035 * np.sin(waves * t)], 1)


STRINGS = (_wind, _loops, _wind, _garland)


def _bed(x: float, y: float, w: float, h: float, rng: np.random.Generator) -> Outline:
    shear = rng.normal() * 0.015
    return box(x - w, y - h, x + w, y + h) + np.array([[shear, 0], [shear, 0], [-shear, 0], [0, 0]])


def _pond(x: float, y: float, w: float, h: float, rng: np.random.Generator) -> Outline:
    a = np.linspace(0, 2 * math.pi, 28, endpoint=False)
    r = 1.06 + 0.07 * np.sin(3 * a + rng.random() * 6) + 0.05 * np.sin(5 * a + rng.random() * 6)
    return np.stack(
        [
            x + w * r * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.7,
            y + h * r * np.sign(np.sin(a)) * np.abs(np.sin(a)) ** 0.7,
        ],
        1,
    )


def _hill(x: float, y: float, w: float, h: float, rng: np.random.Generator) -> Outline:
    return np.concatenate(
        [dome(x, y + 0.1 * h, 1.12 * w, 1.25 * h), box(x - w, y, x + w, y + h)[2:]]
    )


def _band(x: float, y: float, w: float, h: float, rng: np.random.Generator) -> Outline:
    t = np.linspace(-1, 1, 18)
    phase, swing = rng.random() * 6, rng.uniform(0.015, 0.03)
    top = np.stack([x + 1.04 * w * t, y - h + swing * np.sin(3 * t + phase)], 1)
    bottom = np.stack([x + 1.04 * w * t, y + h + swing * np.sin(3 * t + phase)], 1)
    return np.concatenate([top, bottom[::-1]])


FIELD_SHAPES = {"beds": _bed, "ponds": _pond, "hills": _hill, "bands": _band}
