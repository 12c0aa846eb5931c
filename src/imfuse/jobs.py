"""Run many items through the same stages: decode, work, sink. Stages of different items overlap.

This is the only runner in imfuse: it fuses, scores, compares and labels folders, and only here
does an unexpected error become a named one.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from imfuse.errors import ImfuseError
from imfuse.machine import keep_freed_memory

Item = TypeVar("Item")


@dataclass(frozen=True)
class Outcome(Generic[Item]):
    """Result of one item.

    Attributes:
        item: The item.
        value: What its last stage returned; None where a stage failed.
        error: Why a stage failed; None where none did.
    """

    item: Item
    value: Any = None
    error: ImfuseError | None = None


def run_jobs(
    items: Iterable[Item],
    stages: Sequence[Callable[[Any], Any]],
    *,
    workers: int = 1,
    ordered: bool = False,
) -> Generator[Outcome[Item], None, None]:
    """Yield the outcome of each item as it is ready.

    Each stage has threads of its own, and a bounded number of items is in progress, so a source
    may be endless and memory stays bounded. A stage that raises ends its item, not the run.

    When the caller closes the generator, or an interrupt reaches it, items that are inside a stage
    finish that stage, nothing further starts, and all threads end.

    Args:
        items: The source. It is read only as fast as items are finished.
        stages: Functions that run in threads: the first gets the item, each later one the result
            of the one before.
        workers: Number of threads per stage.
        ordered: True to keep the order of the items; otherwise outcomes come as they finish.

    Yields:
        One outcome for each item.

    Examples:
        >>> [outcome.value for outcome in run_jobs([1, 2], [lambda x: x + 1, str], ordered=True)]
        ['2', '3']
    """
    overlap: _Overlap[Item] = _Overlap(stages, workers)
    outcomes = overlap.run(items)
    return _in_order(outcomes) if ordered else (outcome for _, outcome in outcomes)


_PATIENCE = 0.5
"""Seconds after which a waiting main thread checks for interrupts, on systems that need it."""

_stoppers: set[Callable[[], None]] = set()


@contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """Let the user end long work in a stage with a second interrupt.

    Args:
        stop: Makes the work end soon; called from another thread.
    """
    _stoppers.add(stop)
    try:
        yield
    finally:
        _stoppers.discard(stop)


def as_named(error: BaseException) -> ImfuseError:
    """Return a named error as it is; turn any other into one that says what to do."""
    if isinstance(error, ImfuseError):
        return error
    if isinstance(error, MemoryError):
        return ImfuseError(
            "not enough memory", remedy="Use fewer --workers (workers=) or smaller pictures."
        )
    found = f"unexpected {type(error).__name__}: {str(error)[:500]}"
    return ImfuseError(found, remedy="This is a bug in imfuse; please report it.")


def _in_order(
    outcomes: Generator[tuple[int, Outcome[Item]], None, None],
) -> Generator[Outcome[Item], None, None]:
    early: dict[int, Outcome[Item]] = {}
    due = 0
    try:
        for number, outcome in outcomes:
            early[number] = outcome
            while due in early:
                yield early.pop(due)
                due += 1
    finally:
        outcomes.close()


class _Overlap(Generic[Item]):
    """A chain of thread pools, one per stage."""

    def __init__(self, stages: Sequence[Callable[[Any], Any]], workers: int) -> None:
        self._stages, self._workers = stages, workers
        self._pools = [ThreadPoolExecutor(workers) for _ in stages]
        self._ready: queue.SimpleQueue[tuple[int, Outcome[Item]]] = queue.SimpleQueue()
        self._stopped = False
        self._lock, self._running, self._idle = threading.Lock(), 0, threading.Event()
        self._idle.set()

    def run(self, items: Iterable[Item]) -> Generator[tuple[int, Outcome[Item]], None, None]:
        keep_freed_memory()
        waiting = enumerate(items)
        try:
            # Per worker, one item in each stage and one between stages.
            in_progress = sum(
                self._start(waiting) for _ in range(self._workers * (len(self._stages) + 1))
            )
            while in_progress:
                result = self._ready.get()
                in_progress += self._start(waiting) - 1
                yield result
        finally:
            self._shut_down()

    def _shut_down(self) -> None:
        """End all threads, however often the user interrupts."""
        self._stopped = True
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        # Not by joining threads: one whose join is interrupted counts as ended from then on.
        while not self._idle.is_set():
            try:
                self._idle.wait(_PATIENCE)
            except KeyboardInterrupt:  # asked again: don't wait for what can be stopped
                for stop in list(_stoppers):
                    stop()
        for pool in self._pools:
            with suppress(KeyboardInterrupt):
                pool.shutdown(wait=True)

    def _run_stage(self, stage: int, value: object) -> object:
        with self._lock:
            self._running += 1
            self._idle.clear()
        try:
            return self._stages[stage](value)
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._idle.set()

    def _start(self, waiting: Iterator[tuple[int, Item]]) -> int:
        for number, item in waiting:
            self._submit(0, number, item, item)
            return 1
        return 0

    def _submit(self, stage: int, number: int, item: Item, value: object) -> None:
        def done(future: Future[Any]) -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is not None:
                self._ready.put((number, Outcome(item, error=as_named(error))))
            elif stage + 1 < len(self._stages):
                self._submit(stage + 1, number, item, future.result())
            else:
                self._ready.put((number, Outcome(item, future.result())))

        try:
            self._pools[stage].submit(self._run_stage, stage, value).add_done_callback(done)
        except RuntimeError:
            if not self._stopped:  # only pools shut down with the run may refuse work
                raise
