"""Classes of a network that count as classes of the truth."""

import pytest

from imfuse.errors import UnknownName, UsageError
from imfuse.vision.classes import common_name, counterparts, with_mapped


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Person", "person"),
        ("people", "person"),
        ("Pedestrians", "person"),
        ("bike", "bicycle"),
        ("CARS", "car"),
        ("traffic_light", "traffic light"),
        ("traffic-light", "traffic light"),
        ("  stop   sign ", "stop sign"),
        ("lorry", "truck"),
        ("zebra", "zebra"),
    ],
)
def test_usual_names(name, expected):
    assert common_name(name) == expected


def test_synonyms_belong_together():
    names = ["pedestrian", "Bicycle", "motorbike", "traffic_light", "zebra"]
    truth = ["Traffic-Light", "bike", "people", "motorcycle"]
    assert counterparts(names, truth).tolist() == [2, 1, 3, 0, -1]


def test_buses_count_as_cars_only_where_the_truth_does_not_know_them():
    names = ["person", "car", "bus", "truck", "van"]
    assert counterparts(names, ["person", "car"]).tolist() == [0, 1, 1, 1, 1]
    assert counterparts(names, ["car", "bus"]).tolist() == [-1, 0, 1, 0, 0]
    assert counterparts(names, ["lorry", "car"]).tolist() == [-1, 1, 1, 0, 1]
    assert counterparts(names, ["person"]).tolist() == [0, -1, -1, -1, -1]


def test_names_that_are_empty_count_as_nothing():
    assert counterparts(["", "person", ""], ["person"]).tolist() == [-1, 0, -1]


def test_a_map_by_names_and_numbers():
    names, truth = ["person", "car", "bus", "cat", "dog"], ["vehicle", "animal"]
    given = {"vehicle": ["car", 2], "animal": [3, "4"]}
    assert counterparts(names, truth, given).tolist() == [-1, 0, 0, 1, 1]
    assert counterparts(names, truth, {"1": ["dog"], "0": ["car"]}).tolist() == [-1, 0, -1, -1, 1]


def test_numbers_are_names_where_the_truth_has_numbers_for_names():
    """YOLO's files without a list of names; objects of class 0 may not occur in these pictures."""
    names, given = ["person", "car"], {"0": ["person"], "1": ["car"]}
    truth = with_mapped(["1"], given)
    assert truth == ["1", "0"]
    assert counterparts(names, truth, given).tolist() == [1, 0]
    with pytest.raises(UnknownName, match="0"):
        counterparts(names, ["1", "2"], given)


def test_a_map_may_use_usual_synonyms_for_the_truth():
    truth = ["person", "colour cone"]
    assert counterparts(["a", "b"], truth, {"color_cone": ["b"]}).tolist() == [-1, 1]
    assert with_mapped(truth, {"People": ["a"], "color cone": ["b"]}) == truth


def test_a_class_counts_as_one_class_only():
    with pytest.raises(UsageError, match="car counts as car and as person"):
        counterparts(["car"], ["car", "person"], {"car": ["car"], "person": ["car"]})


def test_a_map_replaces_the_usual_names():
    assert counterparts(["person", "car"], ["person", "car"], {"car": ["person"]}).tolist() == [
        1,
        -1,
    ]


def test_a_star_is_all_that_are_not_named():
    names, truth = ["person", "car", "bus", "cat"], ["person", "other"]
    for given in (
        {"person": ["person"], "other": ["*"]},
        {"other": ["*"], "person": ["person"]},
    ):
        assert counterparts(names, truth, given).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cra": ["car"]}, "unknown class of the truth 'cra'.*car"),
        ({"2": ["car"]}, "unknown class of the truth '2'"),
        ({"car": ["cra"]}, "unknown class of the network 'cra'.*car"),
        ({"car": [7]}, "unknown class of the network '7'"),
        ({"car": [-1]}, "unknown class of the network '-1'"),
        ({"car": ["²"]}, "unknown class of the network '²'"),
    ],
)
def test_unknown_names_are_refused_on_both_sides(given, message):
    with pytest.raises(UnknownName, match=message):
        counterparts(["person", "car"], ["person", "car"], given)


def test_nothing_in_common_is_an_error():
    many = [f"thing {number}" for number in range(20)]
    with pytest.raises(UsageError, match=r"\(thing 0.*, \.\.\.\).*\(person, car\).*--map"):
        counterparts(many, ["person", "car"])
    with pytest.raises(UsageError, match="no class of the network"):
        counterparts(["person"], ["person"], {})
