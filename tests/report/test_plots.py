import xml.etree.ElementTree as ET

import numpy as np
import pytest

from imfuse.report import plots
from report.scored import INFOS, NASTY

EN = INFOS["EN"]
NAN = float("nan")


def parse(svg):
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    assert root.attrib["role"] == "img"
    assert EN.symbol in root.attrib["aria-label"]
    return root


def texts(root):
    return [node.text for node in root.iter("text")]


def curve(root, index=0):
    """Return the points of a curve in data units, read back through the tick labels."""
    path = [n for n in root.iter("path") if n.attrib.get("class") == "curve"][index].attrib["d"]
    points = [tuple(map(float, point.split())) for point in path.lstrip("M").split("L")]
    labels = [n for n in root.iter("text") if n.attrib["class"] == "tick" and n.text[-1].isdigit()]
    ys = [(float(n.attrib["y"]) - 4, float(n.text)) for n in labels if "end" in n.attrib.values()]
    xs = [(float(n.attrib["x"]), float(n.text)) for n in labels if "middle" in n.attrib.values()]
    scale_x, scale_y = (np.polyfit(*zip(*ticks, strict=True), 1) for ticks in (xs, ys))
    return [(np.polyval(scale_x, x), np.polyval(scale_y, y)) for x, y in points]


def test_a_point_says_how_many_percent_of_the_pairs_have_at_most_its_value():
    values = [6.5, 5.0, 7.0, 6.0]
    points = curve(parse(plots.cumulative({"a": values}, EN)))
    assert [x for x, _ in points] == pytest.approx([25, 50, 75, 100], abs=0.1)
    for x, y in points:
        assert 100 * np.mean(np.array(values) <= y + 0.01) == pytest.approx(x, abs=0.1)


def test_curves_leave_out_what_is_undefined_and_say_so():
    root = parse(plots.cumulative({"a": [1, NAN, 2], "b": [1, 2, 3], "c": [NAN] * 3}, EN))
    assert [round(x) for x, _ in curve(root)] == [50, 100]
    assert "4 undefined values left out" in texts(root)
    assert "Undefined and left out: a: 1, c: 3." in root.attrib["aria-label"]
    assert len([n for n in root.iter("path") if n.attrib.get("class") == "curve"]) == 2


def test_a_method_without_values_keeps_the_colours_of_the_others():
    root = parse(plots.cumulative({"a": [], "b": [1, 2, 3]}, EN))
    assert [n.attrib["class"] for n in root.iter("g")] == ["s1"]


def test_boxes_show_quartiles_whiskers_outliers_and_mean():
    values = [*range(1, 10), 16]
    root = parse(plots.boxes({"a": values, "b": [NAN]}, EN))
    q1, median, q3 = np.percentile(values, (25, 50, 75))
    title = root.find(".//g/title").text
    assert title == f"a: median {median:.4g}, mean 6.1, quartiles {q1:.4g} and {q3:.4g}"
    ticks = [
        (float(n.attrib["x"]), float(n.text))
        for n in root.iter("text")
        if n.attrib["class"] == "tick" and n.attrib["text-anchor"] == "middle"
    ]
    scale = np.polyfit(*zip(*ticks, strict=True), 1)

    def at(kind):
        node = next(n for n in root.iter() if n.attrib.get("class") == kind)
        place = node.attrib.get("d", "").lstrip("M").split() or [node.attrib["x"]]
        return np.polyval(scale, float(place[0]))

    near = {"abs": 0.01 * (16 - 1)}
    assert at("box") == pytest.approx(q1, **near)
    assert at("median") == pytest.approx(median, **near)
    assert at("whisker") == pytest.approx(1, **near)
    assert at("dots") == pytest.approx(16, **near)
    assert at("mean") == pytest.approx(6.1, **near)
    assert "1 undefined value left out" in texts(root)


@pytest.mark.parametrize(
    "values", [[3.0], [2.0, 2.0], [0.0, 0.0], [1e-9, 2e-9], [-5, 1e6], [0.1 + 0.2, 0.3], []]
)
@pytest.mark.parametrize("chart", [plots.cumulative, plots.boxes])
def test_any_values_give_a_chart_within_its_frame(chart, values):
    root = parse(chart({"a": values}, EN))
    assert not [n for n in root.iter() for text in n.attrib.values() if "nan" in text.split()]
    for anchor in {"end", "middle"} & {n.attrib["text-anchor"] for n in root.iter("text")}:
        ticks = [n.text for n in root.iter("text") if n.attrib["text-anchor"] == anchor]
        assert len(set(ticks)) == len(ticks) >= 2
    width = float(root.attrib["viewBox"].split()[2])
    assert all(0 <= float(n.attrib["x"]) <= width for n in root.iter("text"))


def test_ticks_are_round():
    root = parse(plots.cumulative({"a": [0.512, 0.598]}, EN))
    assert [t for t in texts(root) if t.startswith("0.")] == [
        "0.52",
        "0.54",
        "0.56",
        "0.58",
        "0.60",
    ]


def test_forty_methods_look_unlike():
    looks = [plots.swatch(i) for i in range(40)]
    assert len(set(looks)) == 40


def test_long_curves_are_thinned_and_keep_their_ends():
    points = curve(parse(plots.cumulative({"a": np.arange(20_000.0)}, EN)))
    assert len(points) <= 400
    assert points[-1] == pytest.approx((100, 19_999), rel=0.01)


@pytest.mark.parametrize("chart", [plots.cumulative, plots.boxes])
def test_labels_are_escaped(chart):
    root = parse(chart({NASTY: [1, 2, 3]}, EN))
    assert not list(root.iter("img"))
    assert root.find(".//g/title").text.startswith(NASTY)
