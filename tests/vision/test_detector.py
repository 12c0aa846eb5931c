"""Detectors in ONNX files: recognised by their answers, and read by the rules of their families."""

import json

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import TensorProto

from imfuse.engines.onnx_file import OnnxFile
from imfuse.errors import UnknownName, WeightsError
from imfuse.vision.detections import overlaps
from imfuse.vision.detector import OnnxDetector
from imfuse.vision.detector_settings import DetectorSettings
from imfuse.vision.families.names import COCO, COCO_91
from reference import detector_files as files

COLOUR = (0.2, 0.4, 0.8)


@pytest.fixture
def write(tmp_path):
    """Write a file of made-up outputs; see `detector_files.write`."""

    def _write(outputs, **changes):
        return files.write(tmp_path / "detector.onnx", outputs, **changes)

    return _write


@pytest.fixture
def picture(rng):
    return rng.random((*files.PICTURE, 3), np.float32)


@pytest.fixture
def seen(monkeypatch):
    """Record what networks are fed with."""
    fed, run = [], OnnxFile.run

    def _run(self, outputs, feed, **limits):
        fed.append(feed)
        return run(self, outputs, feed, **limits)

    monkeypatch.setattr(OnnxFile, "run", _run)
    return fed


def settings_of(case):
    """Return settings for a file: the size, where it takes any."""
    fixed = None not in case.file.get("shape", files.SIZE)
    return {} if fixed else {"size": files.SIZE}


def check(found, case):
    np.testing.assert_array_equal(found.classes, files.numbers(case.table))
    np.testing.assert_allclose(found.scores, [score for _, _, score in files.OBJECTS], atol=1e-3)
    np.testing.assert_allclose(found.xyxy, [box for _, box, _ in files.OBJECTS], atol=case.near)


def outcome(call, *arguments):
    """Return what a call returns, or the message of its refusal."""
    try:
        return call(*arguments)
    except WeightsError as error:
        return str(error)


@pytest.mark.parametrize("case", files.CASES.values(), ids=files.CASES)
def test_every_family_is_recognised_and_read(write, picture, case):
    path = write(case.outputs(), **case.file)
    detector = OnnxDetector(path, DetectorSettings(**settings_of(case)))
    assert detector.family == case.family
    check(detector.detect(picture), case)
    check(detector.detect(picture[..., 0]), case)
    forced = OnnxDetector(path, DetectorSettings(family=case.entry, **settings_of(case)))
    assert forced.family == case.family
    check(forced.detect(picture), case)


@pytest.mark.parametrize("case", files.CASES.values(), ids=files.CASES)
def test_every_family_sees_what_it_was_trained_with(write, seen, case):
    path = write(case.outputs(), **case.file)
    detector = OnnxDetector(path, DetectorSettings(**settings_of(case)))
    detector.detect(np.broadcast_to(np.array(COLOUR, np.float32), (*files.PICTURE, 3)))
    shown = seen[-1]["images"]
    whole = shown.astype(np.float32)
    if "kind" in case.file and case.file["kind"] == TensorProto.UINT8:
        assert shown.dtype == np.uint8
    if case.file.get("shape", [0])[-1] == 3:
        whole = whole.transpose(0, 3, 1, 2)
    whole = whole.reshape(3, *files.SIZE)
    near = {"rtol": 2e-3, "atol": 2e-3} if shown.dtype == np.float16 else {"rtol": 1e-5}
    boxes, _ = files.in_input(case.values.fit)
    x, y = (int(one) for one in files.centred(boxes)[0, :2])
    np.testing.assert_allclose(whole[:, y, x], case.values.of(COLOUR), **near)
    inner = round(files.PICTURE[1] * files.SIZE[0] / files.PICTURE[0])
    left = (files.SIZE[1] - inner) // 2
    first, last = {"corner": (0, inner), "centre": (left, left + inner)}.get(
        case.values.fit, (0, files.SIZE[1])
    )
    inside = np.zeros(files.SIZE[1], bool)
    inside[first:last] = True
    assert (whole[:, :, inside] == whole[:, y, x][:, None, None]).all()
    margin = np.array(case.values.of([case.values.margin] * 3), np.float32)
    outside = whole[:, :, ~inside]
    np.testing.assert_allclose(
        outside, np.broadcast_to(margin[:, None, None], outside.shape), **near
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yolox", COCO),
        ("nanodet-plus", COCO),
        ("paddle", COCO),
        ("yolov10", COCO),
        ("rt-detr with sizes", COCO),
        ("torchvision", COCO_91),
        ("ssd", COCO_91),
        ("detr", COCO_91),
        ("tensorflow", COCO_91),
        ("picodet of 32 classes", tuple(f"class {number}" for number in range(32))),
    ],
)
def test_names_of_classes_are_the_family_s(write, name, expected):
    case = files.CASES[name]
    path = write(case.outputs(), **case.file)
    assert OnnxDetector(path, DetectorSettings(**settings_of(case))).names == expected


def test_numbers_of_annotations_have_gaps():
    assert len(COCO) == 80
    assert len(COCO_91) == 91
    assert tuple(name for name in COCO_91 if name) == COCO
    assert COCO_91[13:15] == ("stop sign", "parking meter")
    assert COCO_91[90] == "toothbrush"


# Settings


def test_a_family_can_be_forced_where_it_fits(write, picture):
    path = write(files.yolov8(across=False))
    assert OnnxDetector(path).family == "yolox"  # of 79 classes, as far as anybody can tell
    detector = OnnxDetector(path, DetectorSettings(family="yolov8"))
    assert detector.family == "yolov8"
    check(detector.detect(picture), files.CASES["yolov8"])


def test_a_family_is_refused_where_it_does_not_fit(write):
    path = write(files.yolox())
    with pytest.raises(WeightsError, match="output0 1x252x85 .*, which detr does not give"):
        OnnxDetector(path, DetectorSettings(family="detr"))
    with pytest.raises(UnknownName, match="unknown family 'yolo8'.*yolov8"):
        OnnxDetector(path, DetectorSettings(family="yolo8"))


def test_settings_go_before_what_a_family_does(write, seen):
    settings = DetectorSettings(
        fit="stretch", order="rgb", scale=2, mean=(0.1, 0.2, 0.3), std=(1, 2, 4)
    )
    detector = OnnxDetector(write(files.yolox()), settings)
    detector.detect(np.broadcast_to(np.array(COLOUR, np.float32), (50, 60, 3)))
    expected = np.broadcast_to(
        np.array([0.3, 0.3, 0.325], np.float32)[:, None, None], (3, *files.SIZE)
    )
    np.testing.assert_allclose(seen[-1]["images"][0], expected, rtol=1e-5)
    about = detector.about()
    assert about["its input"] == (
        "128x96, stretch, rgb, scale 2, mean (0.1, 0.2, 0.3), std (1.0, 2.0, 4.0)"
    )
    assert "yolox" in about["detector"]
    assert detector.sha256 in about["detector"]


def test_bytes_can_be_scaled_otherwise(write, seen):
    case = files.CASES["tensorflow"]
    settings = DetectorSettings(scale=100, **settings_of(case))
    detector = OnnxDetector(write(case.outputs(), **case.file), settings)
    detector.detect(np.ones((*files.SIZE, 3), np.float32))
    assert (seen[-1]["images"] == 100).all()


def test_weak_detections_are_left_out(write, picture):
    path = write(files.yolov8())
    found = OnnxDetector(path, DetectorSettings(score=0.7)).detect(picture)
    assert found.classes.tolist() == [0, 2]
    found = OnnxDetector(path, DetectorSettings(score=0)).detect(picture)
    assert len(found) == 3
    assert len(OnnxDetector(path, DetectorSettings(score=0.95)).detect(picture)) == 0


def test_the_most_confident_are_kept(write, picture):
    found = OnnxDetector(write(files.yolov8()), DetectorSettings(most=2)).detect(picture)
    assert found.classes.tolist() == [0, 2]


def test_overlapping_boxes_are_one_object_unless_the_file_sees_to_it(write, picture):
    table = files.yolov8()["output0"]
    best = table[0, 4:].max(axis=0).argmax()
    table[0, :, 0] = table[0, :, best] * np.float32([1.0] * 4 + [0.5] * 80)
    path = write({"output0": table})
    assert len(OnnxDetector(path).detect(picture)) == 3
    kept = OnnxDetector(path, DetectorSettings(iou=1.0)).detect(picture)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.75, 0.5, 0.45])
    assert OnnxDetector(path).about()["its suppression"] == "IoU 0.65"
    twice = np.repeat(files.rows("box score class"), 2, axis=0)
    detector = OnnxDetector(write(files.full(twice)))
    assert len(detector.detect(picture)) == 6
    assert detector.about()["its suppression"] == "in the file"


def test_boxes_end_where_the_picture_does(write):
    boxes = np.array(
        [[-30, -20, 40, 50, 0.9, 0], [100, 60, 400, 300, 0.8, 1], [-9, 0, -5, 5, 1, 2]]
    )
    found = OnnxDetector(write(files.full(boxes))).detect(np.zeros((*files.SIZE, 3), np.float32))
    assert found.xyxy.tolist() == [[0, 0, 40, 50], [100, 60, 128, 96]]


# Sizes


def test_files_of_any_size_take_640_or_what_is_asked_for(write, seen):
    path = write(files.yolov8(), shape=["batch", 3, "height", "width"])
    detector = OnnxDetector(path, DetectorSettings(size=files.SIZE))
    assert detector.size == files.SIZE
    assert seen[-1]["images"].shape == (1, 3, *files.SIZE)
    path = write(files.full(files.rows("box score class")), shape=["batch", 3, "height", "width"])
    assert OnnxDetector(path).size == (640, 640)


def test_a_size_that_is_fixed_is_not_changed(write):
    path = write(files.yolov8())
    assert OnnxDetector(path, DetectorSettings(size=files.SIZE)).size == files.SIZE
    with pytest.raises(WeightsError, match="input of 128x96, fixed.*expected the 64x32"):
        OnnxDetector(path, DetectorSettings(size=(32, 64)))
    half = write(files.yolov8(), shape=[1, 3, 96, "width"])
    with pytest.raises(WeightsError, match="input of 64x96, fixed"):
        OnnxDetector(half, DetectorSettings(size=(32, 64)))
    assert OnnxDetector(half, DetectorSettings(size=files.SIZE)).size == files.SIZE


def test_a_size_that_is_far_too_large_is_refused(write):
    path = write(files.yolov8(), shape=[1, 3, None, None])
    with pytest.raises(WeightsError, match="input of 100000x100000; expected at most"):
        OnnxDetector(path, DetectorSettings(size=(100000, 100000)))


def test_a_size_that_the_network_does_not_take_says_so(write):
    path = write(
        files.yolov8(),
        shape=[1, 3, None, None],
        nodes=[("Reshape", ["values", "shape"], ["same"], {})],
        constants={"shape": np.array([1, 3, *files.SIZE])},
        also=[("same", TensorProto.FLOAT, [None] * 4)],
    )
    with pytest.raises(WeightsError, match=r"can't look at a picture.*size=\[640,640\]"):
        OnnxDetector(path)


# Names of classes


def test_names_in_the_file_are_used(write, picture):
    names = {number: f"thing {number}" for number in range(80)} | {2: "per\x1b[1mson"}
    detector = OnnxDetector(write(files.yolov8(), metadata={"names": str(names)}))
    assert detector.names[:3] == ("thing 0", "thing 1", "per?[1mson")
    assert len(detector.names) == 80
    assert detector.detect(picture).classes.tolist() == [0, 2, 5]
    listed = OnnxDetector(write(files.yolov8(), metadata={"names": str(list(names.values()))}))
    assert listed.names == detector.names


@pytest.mark.parametrize(
    "text",
    [
        "__import__('pathlib').Path('hacked').touch()",
        "{0: 'a'",
        "{1: 'a'}",
        "{0: 'a', 2: 'b'}",
        "{[]: 'a'}",
        "{0: 'a', 1: 3}",
        "[1, 2]",
        "'abc'",
        "None",
        "",
        "(" * 5000,
        "-" * 20000 + "1",
        "[" * 90 + "]" * 90,
    ],
)
def test_names_that_make_no_sense_are_ignored(write, picture, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    detector = OnnxDetector(write(files.yolov8(), metadata={"names": text}))
    assert detector.names == COCO
    assert len(detector.detect(picture)) == 3
    assert not (tmp_path / "hacked").exists()


def test_given_names_go_before_those_in_the_file(write):
    path = write(files.yolov8(), metadata={"names": str([f"thing {n}" for n in range(80)])})
    names = tuple(f"other {number}" for number in range(80))
    assert OnnxDetector(path, DetectorSettings(names=names)).names == names
    with pytest.raises(WeightsError, match="for 2 classes, as many as have names"):
        OnnxDetector(path, DetectorSettings(names=("a", "b")))


# Files that are no detectors, or fail


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [1, 1, 96, 128]}, "images tensor.float. 1x1x96x128"),
        ({"shape": [4, 3, 96, 128]}, "images tensor.float. 4x3x96x128"),
        ({"shape": [1, 3]}, "images tensor.float. 1x3"),
        ({"kind": TensorProto.DOUBLE}, "images tensor.double."),
        (
            {"others": [("second", TensorProto.FLOAT, [1, 3, 96, 128])]},
            "images .*, second tensor.float. 1x3x96x128; expected one picture of three channels",
        ),
        (
            {"others": [("threshold", TensorProto.FLOAT, [1])]},
            "an input that is no picture: threshold tensor.float. 1; .*scale_factor",
        ),
    ],
)
def test_inputs_that_are_not_one_picture_are_refused(write, changes, message):
    with pytest.raises(WeightsError, match=message):
        OnnxDetector(write(files.yolov8(), **changes))


@pytest.mark.parametrize(
    ("arrays", "shown"),
    [
        ([np.zeros((1, 3, 96, 128))], "output0 1x3x96x128"),
        ([np.zeros((1, 1000))], "output0 1x1000"),
        ([np.float32(3)], "output0 scalar"),
        ([np.zeros((1, 252, 85)), np.zeros((1, 7))], "output0 1x252x85, output1 1x7"),
        ([np.full((1, 252, 85), 7.0)], "output0 1x252x85"),
        ([np.zeros((0, 5))], "output0 0x5"),
        ([np.zeros((1, 100, 4))], "output0 1x100x4"),
        ([np.zeros((1, 100, 4)), np.zeros((1, 90, 80))], "output0 1x100x4, output1 1x90x80"),
        ([np.zeros((1, 9, 9))] * 6, "output0 1x9x9, .*output5 1x9x9"),
    ],
)
def test_outputs_of_unknown_layout_are_named(write, arrays, shown):
    with pytest.raises(WeightsError, match=f"outputs {shown} .*no known detector.*family=NAME"):
        OnnxDetector(write(files.full(*map(np.asarray, arrays))))


def test_outputs_that_are_no_numbers_do_not_count(write):
    further = {
        "nodes": [
            ("SequenceConstruct", ["values", "white"], ["list"], {}),
            ("Cast", ["white"], ["text"], {"to": TensorProto.STRING}),
        ],
        "also": [("list", None, None), ("text", TensorProto.STRING, [])],
    }
    assert OnnxDetector(write(files.yolov8(), **further)).family == "yolov8"
    with pytest.raises(WeightsError, match="outputs without numbers"):
        OnnxDetector(write({}, **further))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("case", files.CASES.values(), ids=files.CASES)
def test_outputs_that_are_not_finite_never_crash(write, picture, monkeypatch, case, value):
    path = write(case.outputs(), **case.file)
    detector = OnnxDetector(path, DetectorSettings(**settings_of(case)))
    run = OnnxFile.run

    def _spoilt(self, outputs, feed, **limits):
        found = run(self, outputs, feed, **limits)
        return [np.full_like(one, value) if one.dtype.kind == "f" else one for one in found]

    monkeypatch.setattr(OnnxFile, "run", _spoilt)
    found = detector.detect(picture)
    assert np.isfinite(found.xyxy).all()
    assert np.isfinite(found.scores).all()
    again = outcome(OnnxDetector, path, DetectorSettings(**settings_of(case)))
    assert isinstance(again, OnnxDetector) or "no known detector gives" in again


def test_a_network_that_divides_by_nothing_finds_nothing(write):
    path = write(
        files.yolov8(),
        factors={"output0": "one"},
        nodes=[("Div", ["white", "white"], ["one"], {})],
    )
    detector = OnnxDetector(path, DetectorSettings(fit="stretch"))
    assert len(detector.detect(np.ones((*files.SIZE, 3), np.float32))) == 3
    assert len(detector.detect(np.zeros((*files.SIZE, 3), np.float32))) == 0


def test_an_answer_of_another_shape_is_a_named_error(write):
    # As many rows as there should be, or none for a black picture.
    table = files.yolox()["output0"]
    path = write(
        {},
        nodes=[
            ("Greater", ["white", "zero"], ["bright"], {}),
            ("Cast", ["bright"], ["number"], {"to": TensorProto.INT64}),
            ("Mul", ["number", "many"], ["end"], {}),
            ("Slice", ["table", "start", "end", "axis"], ["rows"], {}),
        ],
        constants={
            "table": table,
            "many": np.array([table.shape[1]]),
            "start": np.array([0]),
            "axis": np.array([1]),
        },
        also=[("rows", TensorProto.FLOAT, [None] * 3)],
    )
    detector = OnnxDetector(path)
    assert len(detector.detect(np.ones((*files.SIZE, 3), np.float32))) == 3
    with pytest.raises(
        WeightsError, match="its outputs changed to rows 1x0x85; expected rows 1x252x85"
    ):
        detector.detect(np.zeros((*files.SIZE, 3), np.float32))


@pytest.mark.parametrize("case", files.CASES.values(), ids=files.CASES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (1, 2), (1, 2, 3), (1, 2, 3, 4)])
def test_no_answer_of_another_shape_is_a_traceback(write, picture, monkeypatch, case, shape):
    detector = OnnxDetector(
        write(case.outputs(), **case.file), DetectorSettings(**settings_of(case))
    )
    count = len(case.outputs())
    monkeypatch.setattr(OnnxFile, "run", lambda *_, **__: [np.ones(shape, np.float32)] * count)
    found = outcome(detector.detect, picture)
    assert "its outputs changed to " in found if isinstance(found, str) else len(found) <= 24


def test_no_onnx_file_at_all(tmp_path):
    file = tmp_path / "model.onnx"
    with pytest.raises(WeightsError, match="can't read"):
        OnnxDetector(file)
    file.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a readable ONNX file"):
        OnnxDetector(file)


# A published file


def test_a_published_detector_finds_persons_in_infrared(data):
    from imfuse.io.images import read_image
    from imfuse.vision.labelling import as_values

    path = data / "checkpoints" / "yolox_nano.onnx"
    if not path.exists():
        pytest.skip(f"no published detector at {path}")
    detector = OnnxDetector(path, threads=1)
    assert detector.family == "yolox"
    assert detector.names == COCO
    folder = data / "msrs" / "test"
    (infrared,) = (folder / "ir").glob("00004N.*")
    found = detector.detect(as_values(read_image(infrared)))
    persons = found.take(found.classes == 0)
    truth = json.loads((folder / "boxes.json").read_text())["00004N"]
    marked = np.array([one["box"] for one in truth if one["class"] == "person"], np.float32)
    assert (overlaps(persons.xyxy, marked).max(axis=0) >= 0.5).sum() >= 2
