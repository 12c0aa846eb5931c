import threading
import time

import pytest

from imfuse.jobs import Overlap


def outcome(item, value):
    return item, value


def test_every_item_passes_all_stages_once():
    stages = [lambda x: x + 1, lambda x: x * 10, str]
    results = list(Overlap(stages, outcome, workers=3).run(range(100)))
    assert sorted(results) == [(i, str((i + 1) * 10)) for i in range(100)]


def test_errors_are_outcomes_and_the_rest_goes_on():
    def picky(x):
        if x % 3 == 0:
            raise ValueError(x)
        return x

    results = dict(Overlap([picky, lambda x: x], outcome, workers=2).run(range(10)))
    assert len(results) == 10
    for item, value in results.items():
        assert isinstance(value, ValueError) == (item % 3 == 0)


def test_stages_overlap():
    """The second stage of item 0 waits for the first stage of item 1 to have begun."""
    begun = threading.Event()

    def first(x):
        if x == 1:
            begun.set()
        return x

    def second(x):
        return begun.wait(timeout=10) if x == 0 else True

    assert all(value is True for _, value in Overlap([first, second], outcome, 1).run(range(4)))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_under_way_is_bounded(workers):
    lock, started, finished, most = threading.Lock(), 0, 0, 0

    def first(x):
        nonlocal started, most
        with lock:
            started += 1
            most = max(most, started - finished)
        return x

    for _ in Overlap([first, lambda x: x], outcome, workers).run(range(200)):
        time.sleep(0.0005)
        with lock:
            finished += 1
    assert started == 200
    assert most <= workers * 3 + 1


def test_closing_stops_after_the_running_stages():
    begun, ended = [], []

    def slow(x):
        begun.append(x)
        time.sleep(0.01)
        ended.append(x)
        return x

    results = Overlap([slow, lambda x: x], outcome, workers=2).run(range(1000))
    next(results)
    results.close()
    assert begun == ended or sorted(begun) == sorted(ended)
    assert len(begun) < 20
    count = len(begun)
    time.sleep(0.05)
    assert len(begun) == count


def test_no_items_no_results():
    assert list(Overlap([lambda x: x], outcome, workers=2).run([])) == []
