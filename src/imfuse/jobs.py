"""Run many items through several stages, so that the stages of different items overlap."""

import ctypes
import queue
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's mallopt(3)."""


@cache
def _keep_freed_memory() -> None:
    """Let glibc keep what one picture freed for the next one.

    By default it gives memory back to the system and is handed it again page by page, which takes
    up to a third of the time of a picture. Other systems' libraries don't have `mallopt`.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)


class Overlap(Generic[Item, Result]):
    """A thread pool per stage, one behind the other; a bounded number of items is under way.

    Args:
        stages: What happens to an item: the first function gets the item, each further one what
            the one before returned. They run in threads and may raise.
        finish: Called, in some thread, with each item and what its last stage returned or what
            one of its stages raised; makes the result.
        workers: Threads per stage.
    """

    def __init__(
        self,
        stages: Sequence[Callable[[Any], Any]],
        finish: Callable[[Item, Any | BaseException], Result],
        workers: int,
    ) -> None:
        self._stages, self._finish, self._workers = stages, finish, workers
        self._pools = [ThreadPoolExecutor(workers) for _ in stages]
        self._ready: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._stopped = False

    def run(self, items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yield each item's result as it gets ready, in no fixed order.

        When the caller closes the generator (or an interrupt breaks it off), items in a stage
        finish that stage, nothing further is started, and the pools are shut down.
        """
        _keep_freed_memory()
        waiting = iter(items)
        # Per worker, one item in each stage and one between stages.
        under_way = sum(
            self._start(waiting) for _ in range(self._workers * (len(self._stages) + 1))
        )
        try:
            while under_way:
                result = self._ready.get()
                under_way += self._start(waiting) - 1
                yield result
        finally:
            self._stopped = True
            for pool in self._pools:
                pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, waiting: Iterator[Item]) -> int:
        for item in waiting:
            self._submit(0, item, item)
            return 1
        return 0

    def _submit(self, stage: int, item: Item, value: object) -> None:
        def done(future: Future[Any]) -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is None and stage + 1 < len(self._stages):
                self._submit(stage + 1, item, future.result())
            else:
                self._ready.put(self._finish(item, error or future.result()))

        try:
            self._pools[stage].submit(self._stages[stage], value).add_done_callback(done)
        except RuntimeError:
            if not self._stopped:  # only pools that were shut down with the run take nothing
                raise
