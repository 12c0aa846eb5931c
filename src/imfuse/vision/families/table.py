"""All detector families, in the order in which files are compared with them."""

from collections.abc import Mapping

from imfuse.vision.families import distances, queries, suppressed, yolo
from imfuse.vision.families.base import Family

FAMILIES: Mapping[str, Family] = {
    "paddle": suppressed.paddle,
    "yolox": yolo.yolox,
    "yolov5": yolo.yolov5,
    "nanodet": distances.nanodet,
    "yolov8": yolo.yolov8,
    "picodet": distances.picodet,
    "rows": suppressed.rows,
    "tensorflow": suppressed.tensorflow,
    "lists": suppressed.lists,
    "detr": queries.detr,
    "rt-detr": queries.rt_detr,
}
"""Functions that recognise a file, by the name that `--judge-set family=` takes."""
