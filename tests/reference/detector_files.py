"""Small ONNX files that answer as detectors of many families do, whatever picture they are shown.

Each encodes the same objects by the published rule of its family, written down here once more.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SIZE = (96, 128)
"""Height and width of the inputs."""
PICTURE = (150, 160)
"""Height and width of the pictures that are shown to them."""
OBJECTS = (
    ("person", (20, 30, 60, 120), 0.9),
    ("car", (70, 40, 150, 90), 0.75),
    ("bus", (10, 100, 40, 140), 0.5),
)
"""Class, edges in pixels of the picture, and confidence."""
NUMBERS = {"person": 0, "car": 2, "bus": 5}
"""Numbers of the classes among COCO's 80."""
NUMBERS_91 = {"person": 1, "car": 3, "bus": 6}
"""Their numbers in COCO's annotations."""

_TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
}


def write(
    path,
    outputs,
    *,
    shape=(1, 3, *SIZE),
    kind=TensorProto.FLOAT,
    others=(),
    factors=None,
    nodes=(),
    constants=None,
    also=(),
    metadata=None,
):
    """Write a file that takes a picture and answers with the given arrays.

    Args:
        path: Path of the file.
        outputs: Arrays by name of the output.
        shape: Shape of the picture's input, `images`.
        kind: Its type.
        others: Further inputs: name, type and shape.
        factors: Values, by name of an output, that it is multiplied by.
        nodes: Further nodes: type of operator, inputs, outputs, attributes.
        constants: Arrays that these use, by name.
        also: Further outputs that these make: name, type and shape; a type of None: a list.
        metadata: Further texts.
    """
    ports = [helper.make_tensor_value_info("images", kind, shape)]
    ports += [helper.make_tensor_value_info(*one) for one in others]
    # A file must use its inputs: nothing is their mean, times 0.
    made = [
        helper.make_node("Cast", ["images"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["values"], ["white"], keepdims=0),
        helper.make_node("Mul", ["white", "zero"], ["nothing"]),
    ]
    values = {"zero": np.float32(0), **(constants or {})}
    made += [
        helper.make_node(kind_, list(taken), list(given), **attributes)
        for kind_, taken, given, attributes in nodes
    ]
    results = []
    for name, array in outputs.items():
        type_ = _TYPES[array.dtype]
        values[f"{name} value"] = array
        made.append(helper.make_node("Cast", ["nothing"], [f"{name} nothing"], to=type_))
        factor = (factors or {}).get(name)
        whole = f"{name} whole" if factor else name
        made.append(helper.make_node("Add", [f"{name} value", f"{name} nothing"], [whole]))
        if factor:
            made.append(helper.make_node("Mul", [whole, factor], [name]))
        results.append(helper.make_tensor_value_info(name, type_, [None] * array.ndim))
    for name, type_, sides in also:
        if type_ is None:
            sequence = helper.make_tensor_sequence_value_info(name, TensorProto.FLOAT, sides)
            results.append(sequence)
        else:
            results.append(helper.make_tensor_value_info(name, type_, sides))
    graph = helper.make_graph(
        made,
        "detector",
        ports,
        results,
        [numpy_helper.from_array(np.asarray(one), name) for name, one in values.items()],
    )
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(file, metadata)
    path.write_bytes(file.SerializeToString())
    return path


def in_input(fit):
    """Return the objects' edges in the input, `(n, 4)`, and their confidence."""
    (height, width), (rows, columns) = PICTURE, SIZE
    boxes = np.array([box for _, box, _ in OBJECTS], np.float64)
    scores = np.array([score for _, _, score in OBJECTS])
    if fit == "stretch":
        return boxes * (np.array([columns / width, rows / height] * 2)), scores
    inner = round(width * rows / height)  # the height is what limits
    left = (columns - inner) // 2 if fit == "centre" else 0
    ratio = np.array([inner / width, rows / height] * 2)
    return boxes * ratio + np.array([left, 0, left, 0]), scores


def numbers(table=None):
    table = NUMBERS if table is None else table
    return np.array([table[name] for name, _, _ in OBJECTS])


def centred(boxes):
    """Return centre, width and height of boxes that are given by their edges."""
    left, top, right, bottom = boxes.T
    return np.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=1)


def shares(boxes):
    rows, columns = SIZE
    return boxes / np.array([columns, rows, columns, rows])


def grids(strides):
    """Return column, row and stride of each cell, in the order of the usual files."""
    return np.array(
        [
            (column, row, stride)
            for stride in strides
            for row in range(-(-SIZE[0] // stride))
            for column in range(-(-SIZE[1] // stride))
        ],
        np.float64,
    )


def cells_of(boxes, cells, stride=8):
    """Return the index of the cell of each box's centre."""
    found = []
    for x, y, _, _ in centred(boxes):
        wanted = (x // stride, y // stride, stride)
        found.append(int(np.flatnonzero((cells == wanted).all(axis=1))[0]))
    return found


def full(*arrays):
    return {f"output{number}": one.astype(np.float32) for number, one in enumerate(arrays)}


def yolox(*, decoded=False, strides=(8, 16, 32)):
    boxes, scores = in_input("corner")
    cells, rng = grids(strides), np.random.default_rng(1)
    table = np.zeros((len(cells), 85))
    table[:, :4] = rng.normal(0, 0.7, (len(cells), 4))
    for stride, index in ((8, 0), (16, 1), (32, 2)):
        (cell,) = cells_of(boxes[index : index + 1], cells, stride)
        x, y, width, height = centred(boxes)[index]
        column, row, _ = cells[cell]
        table[cell, :2] = x / stride - column, y / stride - row
        table[cell, 2:4] = np.log(width / stride), np.log(height / stride)
        table[cell, 4] = 0.95
        table[cell, 5 + numbers()[index]] = scores[index] / 0.95
    if decoded:
        table[:, :2] = (table[:, :2] + cells[:, :2]) * cells[:, 2:]
        table[:, 2:4] = np.exp(table[:, 2:4]) * cells[:, 2:]
    return full(table[None])


def yolov5(*, rows=3, masks=0, grid=False, strides=(8, 16, 32)):
    """Three rows a cell; with one, YOLOv6, whose objectness is 1."""
    boxes, scores = in_input("centre")
    cells = np.repeat(grids(strides), rows, axis=0)
    rng = np.random.default_rng(2)
    table = np.zeros((len(cells), 85 + masks))
    table[:, :2] = cells[:, :2] * cells[:, 2:]
    table[:, 2:4] = rng.uniform(1, 40, (len(cells), 2))
    table[:, 85:] = rng.normal(0, 2, (len(cells), masks))
    objectness = 1.0 if rows == 1 else 0.95
    table[:, 4] = float(rows == 1)
    places = cells_of(boxes, cells)
    table[places, :4], table[places, 4] = centred(boxes), objectness
    table[places, 5 + numbers()] = scores / objectness
    outputs = [table[None]]
    if masks:
        outputs.append(rng.normal(0, 1, (1, masks, 24, 32)))
    if grid:
        outputs += [rng.normal(0, 1, (1, 3, 96 // s, 128 // s, 85)) for s in strides]
    return full(*outputs)


def yolov8(*, masks=0, across=True, strides=(8, 16, 32), kind=np.float32):
    boxes, scores = in_input("centre")
    cells, rng = grids(strides), np.random.default_rng(3)
    table = np.zeros((84 + masks, len(cells)))
    table[:2] = (cells[:, :2] * cells[:, 2:]).T
    table[2:4] = rng.uniform(1, 40, (2, len(cells)))
    table[84:] = rng.normal(0, 2, (masks, len(cells)))
    places = cells_of(boxes, cells)
    table[:4, places] = centred(boxes).T
    table[4 + numbers(), places] = scores
    outputs = [table[None] if across else table.T[None]]
    if masks:
        outputs.append(rng.normal(0, 1, (1, masks, 24, 32)))
    return {name: one.astype(kind) for name, one in full(*outputs).items()}


def bins_of(distance, count):
    """Return logits whose softmax has this mean over 0, 1, ...: two neighbours share it."""
    below = min(int(distance), count - 2)
    share = distance - below
    logits = np.full(count, -60.0)
    logits[below : below + 2] = np.log(np.maximum([1 - share, share], 1e-12))
    return logits


def distances(fit, strides, offset, bins, classes=80):
    """Return scores and distributions of each grid."""
    boxes, scores = in_input(fit)
    cells, rng = grids(strides), np.random.default_rng(4)
    found = np.zeros((len(cells), classes))
    logits = rng.normal(0, 3, (len(cells), 4, bins))
    for index, stride in enumerate((16, 16, 8)):
        (cell,) = cells_of(boxes[index : index + 1], cells, stride)
        x, y = (cells[cell, :2] + offset) * stride
        left, top, right, bottom = boxes[index]
        for edge, far in enumerate((x - left, y - top, right - x, bottom - y)):
            assert 0 <= far / stride <= bins - 1
            logits[cell, edge] = bins_of(far / stride, bins)
        found[cell, numbers()[index]] = scores[index]
    flat = logits.reshape(len(cells), -1)
    splits = np.cumsum([(cells[:, 2] == stride).sum() for stride in strides])[:-1]
    return np.split(found, splits), np.split(flat, splits)


def nanodet(*, plus, bins=8):
    strides = (8, 16, 32, 64) if plus else (8, 16, 32)
    scores, far = distances(
        "stretch" if plus else "centre", strides, offset=0.0 if plus else 0.5, bins=bins
    )
    return full(np.concatenate([np.concatenate(scores), np.concatenate(far)], axis=1)[None])


def picodet(*, classes=80):
    scores, far = distances("stretch", (8, 16, 32, 64), offset=0.5, bins=8, classes=classes)
    return full(*(one[None] for one in (*scores, *far)))


def paddle_rows(*, by_size=False, count=4):
    boxes, scores = in_input("stretch")
    table = np.concatenate(
        [numbers()[:, None], scores[:, None], shares(boxes) if by_size else boxes], axis=1
    )
    empty = np.array([[-1, 0, 0, 0, 0, 0]] * (count - 3))
    return {**full(np.concatenate([table, empty])), "count": np.array([3], np.int32)}


def paddle_raw(*, strides):
    boxes, scores = in_input("stretch")
    cells = len(grids(strides))
    every, table = np.random.default_rng(5).uniform(0, 90, (1, cells, 4)), np.zeros((1, 80, cells))
    every[0, [7, 70, 200]] = boxes
    table[0, numbers(), [7, 70, 200]] = scores
    return full(every, table)


def rows(layout, *, fit="centre", count=0, table=None):
    """Return rows of columns that `layout` names, filled up with zeros to `count`."""
    boxes, scores = in_input(fit)
    columns = {
        "box": boxes,
        "share": shares(boxes),
        "score": scores[:, None],
        "class": numbers(table)[:, None],
        "picture": np.zeros((3, 1)),
    }
    found = np.concatenate([columns[name] for name in layout.split()], axis=1)
    return np.concatenate([found, np.zeros((max(count - 3, 0), found.shape[1]))])


def mmdeploy():
    table = rows("box score", fit="corner", count=10)
    table[3:] = 1, 2, 30, 40, 0.6  # class -1 says that there is nothing
    return {
        "dets": table[None].astype(np.float32),
        "labels": np.concatenate([numbers(), np.full(7, -1)])[None],
    }


def efficient_nms():
    return {
        "num_dets": np.array([[3]], np.int32),
        "det_boxes": rows("box", count=100)[None].astype(np.float32),
        "det_scores": rows("score", count=100).T.astype(np.float32),
        "det_classes": rows("class", count=100).T.astype(np.int32),
    }


def tensorflow(*, further=False):
    boxes = rows("share", fit="stretch", count=100)[:, [1, 0, 3, 2]]
    known = {
        "detection_boxes": boxes[None],
        "detection_classes": rows("class", count=100, table=NUMBERS_91).T,
        "detection_scores": rows("score", count=100).T,
        "num_detections": np.array([100.0]),
    }
    if further:
        known |= {
            "detection_anchor_indices": np.zeros((1, 100)),
            "detection_multiclass_scores": np.zeros((1, 100, 91)),
            "raw_detection_boxes": np.zeros((1, 300, 4)),
            "raw_detection_scores": np.zeros((1, 300, 91)),
        }
    return {name: one.astype(np.float32) for name, one in known.items()}


def torchvision():
    return {
        "boxes": rows("box", fit="stretch").astype(np.float32),
        "labels": numbers(NUMBERS_91),
        "scores": rows("score")[:, 0].astype(np.float32),
    }


def rt_detr_own():
    """Edges are shares here; the graph scales them by its further input."""
    return {
        "labels": np.concatenate([numbers(), np.zeros(297, np.int64)])[None],
        "boxes": rows("share", fit="stretch", count=300)[None].astype(np.float32),
        "scores": rows("score", count=300).T.astype(np.float32),
    }


def queries(*, classes, softmax=False):
    boxes, scores = in_input("stretch")
    every, logits = np.full((1, 100, 4), 0.3), np.full((1, 100, classes + softmax), -20.0)
    every[0, [5, 50, 99]] = centred(shares(boxes))
    known = numbers(NUMBERS_91 if classes == 91 else NUMBERS)
    if softmax:
        logits[..., -1] = 20
        logits[0, [5, 50, 99], -1] = np.log(1 - scores) + 3
        logits[0, [5, 50, 99], known] = np.log(scores) + 3  # a softmax ignores what is common
    else:
        logits[0, [5, 50, 99], known] = np.log(scores / (1 - scores))
    logits, boxes = full(logits, every).values()
    return {"logits": logits, "pred_boxes": boxes}


def query_table():
    boxes, scores = in_input("stretch")
    table = np.zeros((1, 300, 84))
    table[0, [1, 100, 299], :4] = centred(shares(boxes))
    table[0, [1, 100, 299], 4 + numbers()] = scores
    return full(table)


@dataclass(frozen=True)
class Values:
    """Values that a network should see for a picture of one colour, and for the margin."""

    fit: str
    order: str = "rgb"
    white: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    margin: float = 114 / 255

    def of(self, colour):
        channels = colour if self.order == "rgb" else colour[::-1]
        return [
            (one * self.white - mean) / std
            for one, mean, std in zip(channels, self.mean, self.std, strict=True)
        ]


_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_BGR = {
    "order": "bgr",
    "white": 255.0,
    "mean": (103.53, 116.28, 123.675),
    "std": (57.375, 57.12, 58.395),
}
YOLOX = Values("corner", "bgr", 255.0)
YOLO = Values("centre")
NANODET = Values("centre", margin=0.0, **_BGR)
NANODET_PLUS = Values("stretch", **_BGR)
PADDLE = Values("stretch", **_IMAGENET)
MMDET = Values("corner", **_BGR)
PLAIN = Values("stretch")
BYTES = Values("stretch", white=255.0)
DETR = Values("stretch", **_IMAGENET)

_SCALE = ("scale_factor", TensorProto.FLOAT, [1, 2])
_IM_SHAPE = ("im_shape", TensorProto.FLOAT, [1, 2])
_TARGETS = ("orig_target_sizes", TensorProto.INT64, [1, 2])
_NHWC = {"shape": [1, None, None, 3], "kind": TensorProto.UINT8}
_NAMES = {"names": str(dict(enumerate(f"class {number}" for number in range(80))))}


@dataclass(frozen=True)
class Case:
    """A file of a family, and what should be made of it.

    Attributes:
        outputs: Returns its outputs.
        family: Name that it should be recognised by.
        entry: Name of its entry in the table of families.
        values: What it should see.
        table: Numbers of its classes.
        file: Further arguments for `write`.
        near: Largest error of edges, in pixels.
    """

    outputs: Callable
    family: str
    entry: str
    values: Values
    table: dict = field(default_factory=lambda: NUMBERS)
    file: dict = field(default_factory=dict)
    near: float = 0.01


def _im_shape():
    """Return arguments for `write` for edges that are multiplied by width and height."""
    return {
        "others": [_SCALE, _IM_SHAPE],
        "factors": {"output0": "factor"},
        "nodes": [
            ("Gather", ["im_shape", "turned"], ["sides"], {"axis": 1}),
            ("Div", ["sides", "scale_factor"], ["own"], {}),
            ("Concat", ["ones", "own", "own"], ["factor"], {"axis": 1}),
        ],
        "constants": {
            "turned": np.array([1, 0]),
            "ones": np.ones((1, 2), np.float32),
        },
    }


CASES = {
    "yolox": Case(yolox, "yolox", "yolox", YOLOX),
    "yolox decoded": Case(lambda: yolox(decoded=True), "yolox", "yolox", YOLOX),
    "yolov5": Case(yolov5, "yolov5", "yolov5", YOLO),
    "yolov5 of four grids": Case(lambda: yolov5(strides=(8, 16, 32, 64)), "yolov5", "yolov5", YOLO),
    "yolov5 with raw grids": Case(lambda: yolov5(grid=True), "yolov5", "yolov5", YOLO),
    "yolov5 with masks": Case(lambda: yolov5(masks=32), "yolov5", "yolov5", YOLO),
    "yolov6": Case(lambda: yolov5(rows=1), "yolov6", "yolov5", YOLO),
    "yolov8": Case(yolov8, "yolov8", "yolov8", YOLO),
    "yolov8 of four grids": Case(lambda: yolov8(strides=(8, 16, 32, 64)), "yolov8", "yolov8", YOLO),
    "yolov8 turned": Case(
        lambda: yolov8(across=False), "yolov8", "yolov8", YOLO, file={"metadata": _NAMES}
    ),
    "yolov8 with masks": Case(lambda: yolov8(masks=32), "yolov8", "yolov8", YOLO),
    "yolov8 turned with masks": Case(
        lambda: yolov8(masks=32, across=False),
        "yolov8",
        "yolov8",
        YOLO,
        file={"metadata": _NAMES},
    ),
    "yolov8 in half precision": Case(
        lambda: yolov8(kind=np.float16),
        "yolov8",
        "yolov8",
        YOLO,
        file={"kind": TensorProto.FLOAT16},
        near=0.15,
    ),
    "nanodet": Case(lambda: nanodet(plus=False), "nanodet", "nanodet", NANODET),
    "nanodet-g": Case(lambda: nanodet(plus=False, bins=11), "nanodet", "nanodet", NANODET),
    "nanodet-plus": Case(lambda: nanodet(plus=True), "nanodet", "nanodet", NANODET_PLUS),
    "picodet": Case(picodet, "picodet", "picodet", PADDLE),
    "picodet of 32 classes": Case(
        lambda: picodet(classes=32), "picodet", "picodet", PADDLE, file={}
    ),
    "paddle": Case(paddle_rows, "paddle", "paddle", PADDLE, file={"others": [_SCALE]}),
    "paddle by im_shape": Case(
        lambda: paddle_rows(by_size=True), "paddle", "paddle", PADDLE, file=_im_shape()
    ),
    "paddle without suppression": Case(
        lambda: paddle_raw(strides=(8, 16, 32, 64)),
        "paddle",
        "paddle",
        PADDLE,
        file={"others": [_SCALE]},
    ),
    "paddle of three grids without suppression": Case(
        lambda: paddle_raw(strides=(8, 16, 32)),
        "paddle",
        "paddle",
        PLAIN,
        file={"others": [_SCALE]},
    ),
    "rt-detr of paddle": Case(
        lambda: paddle_rows(by_size=True, count=300), "paddle", "paddle", PLAIN, file=_im_shape()
    ),
    "yolov10": Case(
        lambda: full(rows("box score class", count=300)[None]), "yolo-suppressed", "rows", YOLO
    ),
    "six columns": Case(lambda: full(rows("box score class")), "yolo-suppressed", "rows", YOLO),
    "yolov7 of seven columns": Case(
        lambda: full(rows("picture box class score")), "yolo-suppressed", "rows", YOLO
    ),
    "yolo-nas": Case(
        lambda: {"graph2_flat_predictions": rows("picture box score class").astype(np.float32)},
        "yolo-suppressed",
        "rows",
        Values("centre", white=255.0),
        file={"kind": TensorProto.UINT8},
    ),
    "ssd": Case(
        lambda: full(
            rows("picture class score share", fit="stretch", count=200, table=NUMBERS_91)[
                None, None
            ]
        ),
        "ssd",
        "rows",
        PLAIN,
        table=NUMBERS_91,
    ),
    "mmdeploy": Case(mmdeploy, "mmdeploy", "lists", MMDET),
    "efficient-nms": Case(efficient_nms, "efficient-nms", "lists", YOLO),
    "tensorflow": Case(tensorflow, "tensorflow", "tensorflow", BYTES, NUMBERS_91, _NHWC),
    "tensorflow 2": Case(
        lambda: tensorflow(further=True), "tensorflow", "tensorflow", BYTES, NUMBERS_91, _NHWC
    ),
    "torchvision": Case(
        torchvision, "torchvision", "lists", PLAIN, NUMBERS_91, {"shape": [3, *SIZE]}
    ),
    "rt-detr with sizes": Case(
        rt_detr_own,
        "rt-detr",
        "lists",
        PLAIN,
        file={
            "others": [_TARGETS],
            "factors": {"boxes": "factor"},
            "nodes": [
                ("Cast", ["orig_target_sizes"], ["sides"], {"to": TensorProto.FLOAT}),
                ("Concat", ["sides", "sides"], ["factor"], {"axis": 1}),
            ],
        },
    ),
    "detr": Case(lambda: queries(classes=91, softmax=True), "detr", "detr", DETR, NUMBERS_91),
    "deformable detr": Case(lambda: queries(classes=91), "detr", "detr", DETR, NUMBERS_91),
    "rt-detr": Case(lambda: queries(classes=80), "rt-detr", "detr", PLAIN),
    "rt-detr in one table": Case(query_table, "rt-detr", "rt-detr", PLAIN),
}
