"""What an assignment is about: which things may appear, so that a class set belongs together."""

from __future__ import annotations

import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    ground: tuple[str, ...]
    sky: tuple[str, ...]
    fields: tuple[str, ...]  # shapes of the colored fields, see scene.FIELD_SHAPES
    people: int = 1  # how many figures at most


THEMES: dict[str, Theme] = {
    "our street": Theme(
        ("house", "tall house", "car", "bus", "tree", "cat", "pine", "tulip"),
        ("sun", "cloud", "bird", "balloon", "kite"),
        ("bands", "beds"),
    ),
    "under water": Theme(
        ("seaweed", "shell", "crab", "octopus", "turtle", "seaweed", "snail"),
        ("fish", "whale", "jellyfish", "submarine", "bubbles", "fish"),
        ("ponds", "hills"),
    ),
    "my family": Theme(
        ("house", "tree", "flower", "cat", "cake", "apple tree", "tulip", "tent"),
        ("sun", "heart", "cloud", "balloon", "butterfly", "kite"),
        ("beds", "hills", "ponds"),
        people=3,
    ),
    "night sky": Theme(
        ("rocket", "tent", "pine", "tall house", "cat", "tree", "castle"),
        ("moon", "star", "planet", "comet", "star", "cloud"),
        ("hills", "bands"),
    ),
    "a machine": Theme(
        ("robot", "engine", "crane", "rocket", "bus", "engine", "lighthouse"),
        ("gear", "light bulb", "propeller", "cloud", "gear", "balloon"),
        ("beds", "bands"),
    ),
    "the garden": Theme(
        ("flower", "tulip", "mushroom", "snail", "apple tree", "turtle", "cat", "tree"),
        ("sun", "butterfly", "bird", "cloud", "dragonfly"),
        ("beds", "ponds", "hills"),
    ),
    "animals": Theme(
        ("dinosaur", "elephant", "turtle", "cat", "snail", "palm", "tree", "mushroom"),
        ("sun", "bird", "butterfly", "cloud", "dragonfly"),
        ("hills", "ponds"),
    ),
    "a castle": Theme(
        ("castle", "castle", "dinosaur", "tree", "flower", "lighthouse", "tent", "pine"),
        ("flag", "sun", "bird", "moon", "star", "cloud"),
        ("hills", "bands"),
        people=2,
    ),
    "by the sea": Theme(
        ("boat", "steamer", "lighthouse", "palm", "crab", "shell", "boat", "tent"),
        ("sun", "bird", "cloud", "whale", "kite", "fish"),
        ("bands", "ponds"),
    ),
    "a birthday": Theme(
        ("cake", "cake", "house", "cat", "flower", "robot", "car", "tree"),
        ("balloon", "heart", "star", "balloon", "flag", "kite"),
        ("beds", "ponds"),
        people=3,
    ),
}


def theme_for(subject: str) -> Theme:
    """The theme of a subject; one that is not listed always gets the same theme of the list."""
    names = sorted(THEMES)
    key = subject.strip().lower()
    return THEMES.get(key) or THEMES[names[zlib.crc32(key.encode()) % len(names)]]
