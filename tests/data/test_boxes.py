"""Boxes in every form in which sets publish them."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from imfuse.data import Boxes, open_source
from imfuse.data.boxes import outside, read_boxes
from imfuse.data.checks import examine, report
from imfuse.errors import UnreadableImage

COPIES = Path(__file__).parent

VOC = """<?xml version="1.0"?>
<annotation><size><width>32</width><height>24</height><depth>3</depth></size>
<object><name>{0}</name><difficult>0</difficult>
<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>10.5</xmax><ymax>20</ymax></bndbox></object>
<object><name>{1}</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>32</xmax><ymax>24</ymax></bndbox></object>
</annotation>
"""
FIRST, SECOND = [3, 4, 10.5, 20], [1, 1, 32, 24]


@pytest.fixture
def plain(tmp_path):
    return shutil.copytree(COPIES / "plain", tmp_path / "plain")


def check(boxes, expected):
    """Compare boxes with rows of class, edges and whether they are ignored."""
    assert isinstance(boxes, Boxes)
    assert boxes.xyxy.dtype == np.float32
    assert boxes.xyxy.shape == (len(boxes), 4)
    rows = zip(boxes.classes, boxes.xyxy.tolist(), boxes.ignored.tolist(), strict=True)
    assert [(boxes.names[c], xyxy, ignored) for c, xyxy, ignored in rows] == expected


def boxes_of(source, name):
    return source.load(source.names.index(name)).boxes


def test_m3fd_and_llvip_as_published(tmp_path):
    m3fd = shutil.copytree(COPIES / "m3fd", tmp_path / "m3fd")
    (m3fd / "Annotation" / "00001.xml").write_text(VOC.format("Car", "People"))
    source = open_source(m3fd)
    check(boxes_of(source, "00001"), [("Car", FIRST, False), ("People", SECOND, True)])
    assert boxes_of(source, "00001").names == (
        "People",
        "Car",
        "Bus",
        "Lamp",
        "Motorcycle",
        "Truck",
    )
    check(boxes_of(source, "00000"), [])
    llvip = shutil.copytree(COPIES / "llvip", tmp_path / "llvip")
    (llvip / "Annotations").mkdir()
    for name in ("010002", "190001"):
        (llvip / "Annotations" / f"{name}.xml").write_text(VOC.format("person", "dog"))
    source = open_source(llvip)
    for name in ("010002", "190001"):
        check(boxes_of(source, name), [("person", FIRST, False), ("dog", SECOND, True)])
    assert boxes_of(source, "010001") is None


def test_one_json_for_a_split_of_msrs(tmp_path):
    msrs = shutil.copytree(COPIES / "msrs", tmp_path / "msrs")
    objects = [
        {"class": "person", "box": [1, 2, 3, 4], "ignore": True},
        {"class": "car", "box": [0, 0, 32, 24]},
    ]
    (msrs / "test" / "boxes.json").write_text(json.dumps({"00004N": objects}))
    for folder in (msrs, msrs / "test"):
        source = open_source(folder)
        check(
            boxes_of(source, "00004N"),
            [("person", [1, 2, 3, 4], True), ("car", [0, 0, 32, 24], False)],
        )
        assert boxes_of(source, "00004N").classes.tolist() == [2, 1]  # as labels have them
        assert boxes_of(source, "00055D") is None
    assert boxes_of(open_source(msrs), "00001D") is None


def test_coco_json(plain):
    content = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b"}],
        "annotations": [
            {"image_id": 7, "category_id": 3, "bbox": [1.5, 2, 10, 5], "iscrowd": 1},
            {"image_id": 7, "category_id": 9, "bbox": [0, 0, 1, 1]},
        ],
        "categories": [{"id": 3, "name": "bus"}],
    }
    (plain / "boxes.json").write_text(json.dumps(content))
    source = open_source(plain)
    check(boxes_of(source, "a"), [("bus", [1.5, 2, 11.5, 7], True), ("9", [0, 0, 1, 1], False)])
    check(boxes_of(source, "b"), [])
    assert boxes_of(source, "c") is None


def test_frames_of_several_clips_have_the_same_names(tmp_path):
    """Boxes of `a/0001` are not those of `b/0001`, and nobody knows whose `0001` alone is."""
    files = ["images/a/0001.jpg", "images/b/0001.jpg", "images/a/0002.jpg"]
    content = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(files)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"image_id": number, "category_id": 1, "bbox": [number, 0, 5, 5]} for number in range(3)
        ],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    check(read_boxes(path, "a/0001", (9, 9)), [("car", [0, 0, 5, 5], False)])
    check(read_boxes(path, "b/0001", (9, 9)), [("car", [1, 0, 6, 5], False)])
    check(read_boxes(path, "0002", (9, 9)), [("car", [2, 0, 7, 5], False)])
    assert read_boxes(path, "c/0001", (9, 9)) is None
    with pytest.raises(UnreadableImage, match="several pictures are named 0001"):
        read_boxes(path, "0001", (9, 9))


def test_wrong_json_is_refused_in_words(tmp_path):
    path = tmp_path / "found.json"
    path.write_text(json.dumps([{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]))
    with pytest.raises(UnreadableImage, match="a list, such as detections"):
        read_boxes(path, "1", (9, 9))
    lost = {"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}
    path.write_text(json.dumps({"images": [], "annotations": [lost]}))
    with pytest.raises(UnreadableImage, match="picture 9, which is not listed"):
        read_boxes(path, "9", (9, 9))


def test_yolo_text_beside_label_pictures_or_in_their_place(plain):
    (plain / "labels" / "a.txt").write_text("1 0.5 0.5 0.25 0.5\n\n0 0.25 0.25 0.5 0.5 0.9\n")
    (plain / "labels" / "b.txt").write_text("")
    (plain / "labels" / "classes.txt").write_text("person\nbike\n")
    source = open_source(plain)
    check(
        boxes_of(source, "a"), [("bike", [12, 6, 20, 18], False), ("person", [0, 0, 16, 12], False)]
    )
    check(boxes_of(source, "b"), [])
    assert boxes_of(source, "c") is None
    assert source.labelled
    shutil.move(plain / "labels", plain / "boxes")
    (plain / "boxes" / "classes.txt").unlink()
    assert boxes_of(open_source(plain), "a").names == ("0", "1")


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".xml", "<annotation>"),
        (".xml", "<annotation><object><name>a</name></object></annotation>"),
        (".xml", VOC.format("a", "b").replace("10.5", "ten")),
        (".xml", VOC.format("a", "b").replace("10.5", "nan")),
        (".xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'),
        (".txt", "0 0.5 0.5 0.5"),
        (".txt", "person 0.5 0.5 0.5 0.5"),
        (".txt", "0 0.5 0.5 0.5 inf"),
        (".txt", "\x00" * (2**20 + 1)),
        (".json", "[1, 2]"),
        (".json", '{"a": [{"box": [1, 2, 3, 4]}]}'),
        (".json", '{"a": [{"class": "x", "box": [1, 2, 3]}]}'),
        (".json", '{"a": [{"class": "x", "box": [1, 2, 3, NaN]}]}'),
        (".json", '{"a": 5}'),
        (".json", "[" * 100_000),
        (".json", '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 2}]}'),
        (".json", '{"images": 5, "annotations": []}'),
        (".json", "\ufffe"),
    ],
)
def test_files_that_hold_no_boxes_are_refused_by_name(tmp_path, ending, content):
    file = tmp_path / f"a{ending}"
    file.write_text(content)
    with pytest.raises(UnreadableImage, match="the boxes can't be read") as caught:
        read_boxes(file, "a", (24, 32))
    assert caught.value.file == str(file)
    assert len(str(caught.value)) < 600
    with pytest.raises(UnreadableImage, match="No such file"):
        read_boxes(tmp_path / f"none{ending}", "a", (24, 32))


def test_a_replaced_json_file_is_read_anew(tmp_path):
    file = tmp_path / "boxes.json"
    for right in (3, 4):
        file.write_text(json.dumps({"a": [{"class": "x", "box": [1, 2, right, 9]}]}))
        os.utime(file, ns=(right, right))
        check(read_boxes(file, "a", (24, 32)), [("x", [1, 2, right, 9], False)])


def test_boxes_outside_the_picture_are_found(plain):
    rows = {
        "a": [[0, 0, 32, 24], [-0.5, 0, 32.9, 24.9], [30, 20, 36, 24]],
        "b": [[5, 5, 5, 9]],
        "c": [[-9, 0, 4, 4], [0, -4, 4, 4], [0, 0, 4, 30], [40, 40, 50, 50]],
    }
    content = {k: [{"class": "car", "box": box} for box in v] for k, v in rows.items()}
    (plain / "boxes.json").write_text(json.dumps(content))
    source = open_source(plain)
    assert [outside(sample.boxes, sample.size) for sample in map(source.load, range(3))] == [
        [2],
        [0],
        [0, 1, 2, 3],
    ]
    result = report(source, list(examine(source)))
    assert result.boxes == {"car": 8}
    found = [f for f in result.findings if f.kind == "boxes"]
    assert [f.where for f in found] == ["a", "b", "c"]
    assert "1 of 3 boxes" in found[0].message
    assert "car 30, 20, 36, 24" in found[0].message
    assert "32x24" in found[0].message


def test_the_boxes_of_msrs(data):
    source = open_source(data / "msrs" / "test")
    counts = {}
    for index in range(len(source)):
        path = source.files[index].boxes
        boxes = read_boxes(path, source.names[index], (480, 640), source.layout.classes)
        assert outside(boxes, (480, 640)) == []
        for one, ignored in zip(boxes.classes, boxes.ignored, strict=True):
            key = boxes.names[one], bool(ignored)
            counts[key] = counts.get(key, 0) + 1
    # From the table in the data's own README.
    assert {k[0]: n for k, n in counts.items() if not k[1]} == {
        "person": 717,
        "bike": 175,
        "car": 328,
    }
