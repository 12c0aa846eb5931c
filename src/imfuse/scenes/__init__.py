"""Rendered infrared and visible pairs of synthetic scenes, with labels and true displacement.

`world` describes the objects of a scene. The drawing modules turn them into surface properties per
pixel (`canvas`), `light` computes light and heat from those, and `sensors` makes two pictures.
"""

from imfuse.scenes.render import SCENES as SCENES
from imfuse.scenes.render import Scene as Scene
from imfuse.scenes.render import render as render
