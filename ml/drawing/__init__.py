"""Procedural children's drawings with nine gradable causes; numpy and Pillow only.

They feed the demo school and the demo model. They say nothing about how children draw.
"""

from ml.drawing.causes import CAUSES, sample
from ml.drawing.marks import MARKS
from ml.drawing.page import MEDIA
from ml.drawing.scene import compose, draw, render
from ml.drawing.themes import THEMES

__all__ = ["CAUSES", "MARKS", "MEDIA", "THEMES", "compose", "draw", "render", "sample"]
