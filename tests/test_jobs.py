import threading
import time

import pytest

from imfuse.errors import ImfuseError
from imfuse.jobs import run_jobs


def test_every_item_passes_all_stages_once():
    stages = [lambda x: x + 1, lambda x: x * 10, str]
    results = [(one.item, one.value) for one in run_jobs(range(100), stages, workers=3)]
    assert sorted(results) == [(i, str((i + 1) * 10)) for i in range(100)]


def test_ordered_outcomes_keep_the_order_of_the_items():
    def slower_first(x):
        time.sleep(0.002 * (5 - x % 6))
        return x

    results = [one.value for one in run_jobs(range(40), [slower_first], workers=3, ordered=True)]
    assert results == list(range(40))


def test_errors_are_outcomes_and_the_rest_goes_on():
    def picky(x):
        if x % 3 == 0:
            raise ValueError(x)
        return x

    results = list(run_jobs(range(10), [picky, lambda x: x], workers=2))
    assert len(results) == 10
    for one in results:
        assert (one.value is None) == (one.error is not None) == (one.item % 3 == 0)
        if one.error is not None:
            assert type(one.error) is ImfuseError
            assert f"unexpected ValueError: {one.item}" in str(one.error)


def test_stages_overlap():
    """The second stage of item 0 waits for the first stage of item 1 to have begun."""
    begun = threading.Event()

    def first(x):
        if x == 1:
            begun.set()
        return x

    def second(x):
        return begun.wait(timeout=10) if x == 0 else True

    assert all(one.value is True for one in run_jobs(range(4), [first, second]))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_under_way_is_bounded(workers):
    lock, started, finished, most = threading.Lock(), 0, 0, 0

    def first(x):
        nonlocal started, most
        with lock:
            started += 1
            most = max(most, started - finished)
        return x

    for _ in run_jobs(range(200), [first, lambda x: x], workers=workers):
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

    results = run_jobs(range(1000), [slow, lambda x: x], workers=2)
    next(results)
    results.close()
    assert begun == ended or sorted(begun) == sorted(ended)
    assert len(begun) < 20
    count = len(begun)
    time.sleep(0.05)
    assert len(begun) == count


def test_no_items_no_results():
    assert list(run_jobs([], [lambda x: x], workers=2)) == []
