"""Rendered infrared and visible pairs of made-up scenes, with labels and true displacement.

`world` says what stands where and of what it is made, the drawing files turn that into surface
properties per pixel (`canvas`), `light` into light and heat, and `sensors` into two pictures.
"""

from imfuse.scenes.render import SCENES as SCENES
from imfuse.scenes.render import Scene as Scene
from imfuse.scenes.render import render as render
