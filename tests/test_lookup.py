import pytest

from imfuse.errors import UnknownName
from imfuse.lookup import import_target, look_up


def test_a_name_gives_what_stands_behind_it():
    assert look_up("method", "max", {"max": 1, "min": 2}) == 1


def test_an_unknown_name_is_refused_with_the_closest_ones():
    with pytest.raises(UnknownName, match="unknown method 'maxx'") as error:
        look_up("method", "maxx", {"max": 1, "average": 2})
    assert "max" in error.value.remedy
    with pytest.raises(UnknownName) as error:
        look_up("method", "x" * 10_000, {"max": 1})
    assert len(str(error.value)) < 200


def test_targets_are_imported():
    assert import_target("imfuse.lookup:look_up") is look_up
    with pytest.raises(ImportError):
        import_target("imfuse.nothing:look_up")
    with pytest.raises(AttributeError):
        import_target("imfuse.lookup:nothing")
