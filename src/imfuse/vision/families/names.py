"""Names of COCO's classes, in the two ways in which detectors number them."""

COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""COCO's 80 classes, counted from 0."""

_UNUSED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
"""Numbers from 1 to 90 that COCO's annotations leave out."""


def _with_gaps() -> tuple[str, ...]:
    left = iter(COCO)
    return ("", *("" if number in _UNUSED else next(left) for number in range(1, 91)))


COCO_91 = _with_gaps()
"""The same by the numbers of the annotations, 1 to 90; empty where there is none."""
