"""Detectors and segmenters as judges of a benchmark, on scenes whose truth is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="average precision needs the extra judge")

from imfuse.bench.machine_page import machine_page
from imfuse.bench.machines import BASELINES, SENSORS, MachineSummary
from imfuse.bench.run import Bench, competitors_of
from imfuse.bench.verdict import paragraph, section
from imfuse.data.boxes import Boxes
from imfuse.data.entries import NamedPair
from imfuse.data.sample import Annotations
from imfuse.errors import BadValues, PairMismatch, UnknownName, UsageError
from imfuse.metrics.segmentation import confusion_matrix, segmentation_scores
from imfuse.scoring.detection import DetectionJudge
from imfuse.scoring.judge import Row
from imfuse.scoring.machine import remarks_on
from imfuse.scoring.segmentation import SegmentationJudge
from imfuse.scoring.truths import BoxTruths
from imfuse.types import ImagePair, Picture
from imfuse.vision.detections import make_detections

NAMES = ("unlabelled", "car", "person")


def scene(index):
    """Return a pair with one car, seen by the visible camera, and one person, seen by the other."""
    rng = np.random.default_rng(index)
    labels = np.zeros((48, 64), np.uint8)
    rows = []
    for number, half in ((1, 0), (2, 32)):
        left, top = int(rng.integers(half + 2, half + 14)), int(rng.integers(2, 28))
        width, height = rng.integers(6, 14, 2)
        labels[top : top + height, left : left + width] = number
        rows.append(([left, top, left + width, top + height], number))
    vis, ir = (np.where(labels == number, 200, 20).astype(np.uint8) for number in (1, 2))
    boxes = Boxes(
        xyxy=np.array([box for box, _ in rows], np.float32),
        classes=np.array([number for _, number in rows]),
        names=NAMES,
        ignored=np.zeros(2, bool),
    )
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    letter = "D" if index % 2 else "N"
    return NamedPair(f"{index:05}{letter}", lambda: pair, lambda: Annotations(labels, boxes))


class Bright:
    """Finds bright areas: cars on the left, persons on the right; sees best what is brightest."""

    names = ("person", "bicycle", "car", "truck")

    def detect(self, picture):
        rows = []
        for half, number in ((slice(0, 32), 2), (slice(32, 64), 0)):
            y, x = np.nonzero(picture[:, half] > 0.4)
            if len(y):
                x = x + half.start
                box = [x.min(), y.min(), x.max() + 1, y.max() + 1]
                rows.append((box, float(picture[y[0], x[0]]), number))
        return make_detections(
            np.array([row[0] for row in rows], float).reshape(-1, 4),
            np.array([row[1] for row in rows]),
            np.array([row[2] for row in rows]),
        )

    def about(self):
        return {"detector": "a test's own"}

    def label(self, picture):
        found = np.zeros(picture.shape[:2], np.uint8)
        found[:, :32][picture[:, :32] > 0.4] = 1
        found[:, 32:][picture[:, 32:] > 0.4] = 2
        return found


def run(judge, task, scenes=6, models=()):
    competitors = [*SENSORS, *competitors_of(list(models), baselines=BASELINES)]
    bench = Bench(competitors, [scene(index) for index in range(scenes)], [judge], audit=False)
    list(bench)
    return MachineSummary.of(task, bench)


def test_each_sensor_sees_its_own_and_fusion_both():
    summary = run(DetectionJudge(Bright(), BoxTruths({})), "detect")
    values = {one.label: one for one in summary.main}
    assert list(values) == [
        "visible",
        "infrared",
        "average",
        "max",
        "late-fusion",
        "late-fusion-proben",
    ]
    expected = {
        "visible": (100, 0),
        "infrared": (0, 100),
        "max": (100, 100),
        "late-fusion": (100, 100),
    }
    for label, (car, person) in expected.items():
        for light in ("all", "day", "night"):
            by_class = values[label].measures["ap50"][light]
            assert (by_class["car"], by_class["person"]) == (car, person)
            assert by_class["mean"] == (car + person) / 2
            assert values[label].measures["ap50_95"][light]["mean"] == (car + person) / 2
    assert values["max"].count == {"all": 6, "day": 3, "night": 3}
    source, above = summary.against_source(values["max"], "all")
    assert source in {"visible", "infrared"}
    assert (above.value, above.low, above.high, above.wins, above.sure) == (50, 50, 50, 1, True)
    _, none = summary.against_source(values["infrared"], "all")
    assert none.value == 0
    assert not none.sure


def test_results_are_json_and_tables():
    summary = run(DetectionJudge(Bright(), BoxTruths({})), "detect")
    whole = json.loads(json.dumps(summary.as_dict(), allow_nan=False))
    row = next(row for row in whole["rows"] if row["model"] == "max")
    assert row["ap50"]["night"]["person"] == 100
    assert row["against_better_source"]["all"]["difference"] == 50
    assert row["truths"]["dataset"]["ap50_95"]["all"]["mean"] == 100
    assert whole["count"] == {"all": 6, "day": 3, "night": 3}
    first = summary.sections()[0]
    assert first.header[:4] == ["pictures", "car", "person", "mean"]
    assert all(len(one) == len(first.header) for one in first.rows)
    header, rows = summary.values()
    assert len(header) == len(rows[0])


def truth_file(path, drop=None, names=("car", "person"), extra=None):
    content = {}
    for index in range(6):
        one = scene(index)
        boxes = one.annotations().boxes
        content[one.name] = [
            {"class": names[number - 1], "box": box.tolist()}
            for box, number in zip(boxes.xyxy, boxes.classes, strict=True)
            if NAMES[number] != drop
        ]
    path.write_text(json.dumps(content | (extra or {})), encoding="utf-8")
    return path


def test_several_truths_stand_side_by_side(tmp_path):
    truths = {
        "visible": truth_file(tmp_path / "v.json", drop="person"),
        "infrared": truth_file(tmp_path / "i.json", drop="car"),
    }
    summary = run(DetectionJudge(Bright(), BoxTruths(truths)), "detect")
    by_label = {
        truth: {one.label: one.mean() for one in each} for truth, each in summary.scores.items()
    }
    assert by_label["visible"]["visible"] == 100
    assert by_label["visible"]["infrared"] == 0
    assert by_label["infrared"]["infrared"] == 100
    last = summary.sections()[-1]
    assert "depends on the truth" in last.lead
    agreed = {"a": truth_file(tmp_path / "a.json"), "b": truth_file(tmp_path / "b.json")}
    assert (
        "All truths agree"
        in run(DetectionJudge(Bright(), BoxTruths(agreed)), "detect").sections()[-1].lead
    )


def test_what_a_truth_tells_apart_is_told_apart(tmp_path):
    class Vans(Bright):
        def detect(self, picture):
            one = super().detect(picture)
            return make_detections(one.xyxy, one.scores, np.where(one.classes == 2, 3, one.classes))

    plain = {"plain": truth_file(tmp_path / "plain.json")}
    assert run(DetectionJudge(Vans(), BoxTruths(plain)), "detect").main[3].main["all"]["car"] == 100
    trucks = {"00000N": [{"class": "truck", "box": [0, 0, 5, 5]}]}
    finer = {"finer": truth_file(tmp_path / "finer.json", extra=trucks)}
    assert run(DetectionJudge(Vans(), BoxTruths(finer)), "detect").main[3].main["all"]["car"] == 0


def test_a_map_of_classes_is_followed():
    judge = DetectionJudge(Bright(), BoxTruths({}), {"car": ["person"], "person": [2]})
    summary = run(judge, "detect")
    assert summary.main[3].main["all"]["mean"] == 0  # everything is called the other
    with pytest.raises(UsageError, match="no class of the network"):
        run(DetectionJudge(Bright(), BoxTruths({}), {"car": []}), "detect")


def test_missing_boxes_leave_a_pair_out(tmp_path):
    file = truth_file(tmp_path / "some.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["00003D"]
    file.write_text(json.dumps(content), encoding="utf-8")
    summary = run(DetectionJudge(Bright(), BoxTruths({"some": file})), "detect")
    assert [name for name, _ in summary.failed] == ["00003D"]
    assert "no boxes for 00003D" in summary.failed[0][1]
    assert summary.main[0].count["all"] == 5
    with pytest.raises(PairMismatch, match="no file"):
        run(DetectionJudge(Bright(), BoxTruths({"none": tmp_path})), "detect")


def test_folders_of_boxes(tmp_path):
    """YOLO's programs write no file for a picture without objects; VOC's do."""
    yolo, voc = tmp_path / "yolo", tmp_path / "voc"
    for folder in (yolo, voc):
        folder.mkdir()
    (yolo / "classes.txt").write_text("car\nperson\n")
    for index in range(6):
        one = scene(index)
        boxes = one.annotations().boxes
        lines, objects = [], []
        for (left, top, right, bottom), number in zip(boxes.xyxy, boxes.classes, strict=True):
            centre = (left + right) / 128, (top + bottom) / 96
            sides = (right - left) / 64, (bottom - top) / 48
            lines.append(f"{number - 1} " + " ".join(f"{x:.6f}" for x in (*centre, *sides)))
            edges = "".join(
                f"<{name}>{value}</{name}>"
                for name, value in zip(
                    ("xmin", "ymin", "xmax", "ymax"), (left, top, right, bottom), strict=True
                )
            )
            name = NAMES[number]
            objects.append(f"<object><name>{name}</name><bndbox>{edges}</bndbox></object>")
        (voc / f"{one.name}.xml").write_text(f"<annotation>{''.join(objects)}</annotation>")
        if index:
            (yolo / f"{one.name}.txt").write_text("\n".join(lines))
    summary = run(DetectionJudge(Bright(), BoxTruths({"yolo": yolo, "voc": voc})), "detect")
    by_voc = {one.label: one for one in summary.scores["voc"]}
    assert by_voc["max"].main["all"]["mean"] == 100
    by_yolo = {one.label: one for one in summary.scores["yolo"]}
    assert 0 < by_yolo["max"].main["all"]["mean"] < 100  # two false alarms where nothing is said
    assert any("1 pair: no file in yolo" in note for note in summary.notes())
    (voc / "00000N.xml").unlink()
    assert len(run(DetectionJudge(Bright(), BoxTruths({"voc": voc})), "detect").failed) == 1


def test_a_truth_without_objects_is_refused(tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps({scene(index).name: [] for index in range(6)}), encoding="utf-8")
    with pytest.raises(BadValues, match="the truth empty has no object"):
        run(DetectionJudge(Bright(), BoxTruths({"empty": empty})), "detect")


def test_a_map_may_name_classes_that_do_not_occur():
    judge = DetectionJudge(
        Bright(), BoxTruths({}), {"car": ["car"], "person": ["person"], "tram": ["truck"]}
    )
    summary = run(judge, "detect")
    assert summary.main[3].main["all"]["mean"] == 100
    assert any("the map names tram" in note for note in summary.notes())


def test_boxes_that_nothing_can_hit_are_told(tmp_path):
    odd = {"00000N": [{"class": "car", "box": [20, 20, 10, 10]}]}
    file = truth_file(tmp_path / "odd.json", extra=odd)
    summary = run(DetectionJudge(Bright(), BoxTruths({"odd": file})), "detect")
    assert summary.notes() == ["1 pair: 1 boxes by odd are empty or reach outside the picture"]


def test_a_machine_that_sees_nothing_answers_nothing():
    class Blind(Bright):
        def detect(self, picture):
            return super().detect(picture).take(slice(0))

    said = paragraph(run(DetectionJudge(Blind(), BoxTruths({})), "detect"))
    assert "sees nothing right" in said
    assert "don't fuse" not in said


def test_one_light_is_said_once():
    class ByNight(DetectionJudge):
        def score(self, fused, item):
            row = super().score(fused, item)
            return replace(row, detail=replace(row.detail, light="night"))

    judge = ByNight(Bright(), BoxTruths({}))
    assert paragraph(run(judge, "detect", scenes=1)).startswith("In the one picture")
    said = paragraph(run(judge, "detect"))
    assert said.startswith("Over all 6 pictures")
    assert "By night" not in said


def test_remarks_that_differ_by_numbers_are_counted_together():
    rows = [
        Row(name=name, values={}, notes=(f"{name}.png: infrared uses only {low} to 9", "odd"))
        for name, low in (("a1", 3), ("b2", 4.5))
    ]
    assert remarks_on(rows) == [
        "2 pairs, such as a1.png: infrared uses only 3 to 9",
        "2 pairs: odd",
    ]
    assert remarks_on(rows[:1])[1] == "1 pair: odd"


def test_pictures_without_objects_are_shown_with_their_false_alarms(tmp_path):
    """Which classes count is known from the whole set, not from the picture that is shown."""
    file = truth_file(tmp_path / "some.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    content["00003D"] = content["00002N"] = []
    file.write_text(json.dumps(content), encoding="utf-8")
    judge = DetectionJudge(Bright(), BoxTruths({"some": file}))
    bench = Bench(
        [*SENSORS, *competitors_of([], baselines=BASELINES)],
        [scene(index) for index in range(6)],
        [judge],
        audit=False,
    )
    list(bench)
    outcomes = judge.outcomes(bench.rows("max", judge.name), "some")
    assert (outcomes["00003D"].score, len(outcomes["00003D"].marks)) == (0, 2)
    page = machine_page("page", MachineSummary.of("detect", bench), bench)
    assert "00003D" in page
    assert "hurt nowhere, for example" in page


def test_iou_is_that_of_all_pixels_together():
    judge = SegmentationJudge(Bright(), NAMES, NAMES)
    summary = run(judge, "segment")
    assert [one.label for one in summary.main] == ["visible", "infrared", "average", "max"]
    for one, see in zip(summary.main, (0, 1, None, 2), strict=True):
        if see is None:
            continue
        confusion = np.zeros((3, 3), np.int64)
        for index in range(6):
            pair, (labels, _) = scene(index).load(), scene(index).annotations()
            shown = (pair.vis, pair.ir, None)[see]
            values = np.maximum(pair.ir, pair.vis) if shown is None else np.asarray(shown)
            confusion += confusion_matrix(labels, Bright().label(values / 255), 3)
        expected = 100 * segmentation_scores(confusion).iou
        assert [one.main["all"][name] for name in NAMES] == pytest.approx(expected, nan_ok=True)
        assert one.confusion["all"].tolist() == confusion.tolist()
        assert one.drawn["all"].mean() == pytest.approx(one.mean(), abs=1)


def test_classes_that_the_segmenter_lacks():
    few = SegmentationJudge(Bright(), ("road", "car", "tree"), NAMES)
    summary = run(few, "segment")
    assert "person" not in summary.main[0].main["all"]
    assert any("does not know person" in note for note in summary.notes())
    with pytest.raises(UsageError, match="no class of the network"):
        SegmentationJudge(Bright(), ("road", "tree"), ("car", "person"))


def test_a_class_that_no_label_has_counts_for_nobody():
    judge = SegmentationJudge(Bright(), (*NAMES, "tree"), (*NAMES, "tree"))
    for one in run(judge, "segment").main:
        assert np.isnan(one.main["all"]["tree"])
        several = [one.main["all"][name] for name in NAMES]
        assert one.mean() == pytest.approx(np.mean(several))

    class Imagines(Bright):
        def label(self, picture):
            return np.where(picture[:, :] > 0.9, 3, super().label(picture)).astype(np.uint8)

    judge = SegmentationJudge(Imagines(), (*NAMES, "tree"), (*NAMES, "tree"))
    assert all(np.isnan(one.main["all"]["tree"]) for one in run(judge, "segment").main)


def test_the_verdict_names_the_truth_and_has_late_fusion_for_detectors_only(tmp_path):
    truths = {name: truth_file(tmp_path / f"{name}.json") for name in ("mine", "yours")}
    detected = run(DetectionJudge(Bright(), BoxTruths(truths)), "detect")
    assert paragraph(detected).startswith("By mine: over all 6 pictures, ")
    assert "best late fusion" in section(detected).header
    segmented = section(run(SegmentationJudge(Bright(), NAMES, NAMES), "segment"))
    assert "best late fusion" not in segmented.header
    assert all(len(row) == len(segmented.header) for row in segmented.rows)


def test_labels_of_clips_lie_in_folders_of_clips(tmp_path):
    from imfuse.io.labels import write_labels

    bench_pairs = []
    for clip, number in (("one", 0), ("two", 1)):
        named = scene(number)
        labels = named.annotations().labels
        (tmp_path / clip).mkdir()
        write_labels(tmp_path / clip / "1.png", labels)
        bench_pairs.append(NamedPair(f"{clip}/1", named.load))
    write_labels(tmp_path / "1.png", np.zeros((48, 64), np.uint8))
    judge = SegmentationJudge(Bright(), NAMES, NAMES, tmp_path)
    bench = Bench([*SENSORS, *competitors_of(["max"], baselines=())], bench_pairs, [judge])
    list(bench)
    assert bench.evaluations()[-1][tmp_path.name].mean() == 100


def test_a_map_with_classes_that_the_detector_lacks_is_refused_at_once():
    with pytest.raises(UnknownName, match="unicorn"):
        DetectionJudge(Bright(), BoxTruths({}), {"car": ["unicorn"]})


def test_labels_of_unknown_classes_leave_a_pair_out():
    judge = SegmentationJudge(Bright(), ("unlabelled", "car"), ("unlabelled", "car"))
    with pytest.raises(BadValues, match="label 2"):
        run(judge, "segment")
