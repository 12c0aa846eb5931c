"""Cache of decoded samples in memory shared with worker processes, of limited size."""

import mmap
import multiprocessing
import pickle
import sys

import numpy as np
from numpy.typing import NDArray

from imfuse.data.sample import Sample
from imfuse.data.sources import Derived, Source
from imfuse.machine import total_memory
from imfuse.types import Pixels

_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
_KNOWN, _START, _HEIGHT, _WIDTH, _TYPE, _LABELLED, _BOXES = range(7)
_COLUMNS = 7
_MOST_DEFAULT = 4 * 2**30


def default_bytes() -> int:
    """Return the default size of the cache in bytes: a quarter of the memory, at most 4 GiB."""
    return min(total_memory() // 4, _MOST_DEFAULT)


class CachedSource(Derived):
    """A source whose samples are decoded once, and kept for this process and its forks.

    Samples that fit are kept to the end, and the others are decoded each time: this wastes least
    where every sample is used once an epoch, in any order. Memory is allocated as it fills.

    Args:
        source: The source of the samples.
        max_bytes: Size of the cache in bytes; None: a quarter of the memory, at most 4 GiB.
    """

    def __init__(self, source: Source, max_bytes: int | None = None) -> None:
        super().__init__(source)
        self.max_bytes = default_bytes() if max_bytes is None else max_bytes
        # Anonymous memory maps are shared with forks; a page costs nothing until it is written.
        self._memory = mmap.mmap(-1, max(self.max_bytes, 1))
        table = mmap.mmap(-1, max(8 * _COLUMNS * len(source), 8) + 8)
        numbers = np.frombuffer(table, np.int64)
        self._used: NDArray[np.int64] = numbers[:1]
        self._table = numbers[1 : 1 + _COLUMNS * len(source)].reshape(len(source), _COLUMNS)
        kind = None if sys.platform == "win32" else "fork"
        self._lock = multiprocessing.get_context(kind).Lock()

    def __reduce__(self) -> tuple[object, ...]:
        """Give processes that are not forks the source without a cache."""
        return CachedSource, (self.source, 0)

    @property
    def kept(self) -> int:
        """Number of cached samples."""
        return int(self._table[:, _KNOWN].sum())

    def load(self, index: int) -> Sample:
        """Return a sample as it is stored; its arrays can't be written to."""
        if self._table[index, _KNOWN]:
            return self._kept_sample(index)
        sample = self.source.load(index)
        self._keep(index, sample)
        return sample

    def check(self, index: int) -> None:
        """Check that a sample can be read, without caching it."""
        self.source.check(index)

    def fill_video(self) -> int:
        """Decode frames of video in their order until the memory is full.

        Each frame is then decoded once, whatever the order of training.

        Returns:
            Number of cached samples.
        """
        for index, entry in enumerate(self.entries):
            if entry.video and not self._table[index, _KNOWN]:
                self.load(index)
                if not self._table[index, _KNOWN]:
                    break
        return self.kept

    def _keep(self, index: int, sample: Sample) -> None:
        parts = [np.ascontiguousarray(part) for part in (sample.ir, sample.vis)]
        if sample.labels is not None:
            parts.append(np.ascontiguousarray(sample.labels))
        boxes = b"" if sample.boxes is None else pickle.dumps(sample.boxes)
        parts.append(np.frombuffer(boxes, np.uint8))
        needed = -(-sum(part.nbytes for part in parts) // 8) * 8
        with self._lock:
            start = int(self._used[0])
            if self._table[index, _KNOWN] or start + needed > self.max_bytes:
                return
            self._used[0] = start + needed
        place = start
        for part in parts:
            self._memory[place : place + part.nbytes] = part.tobytes()
            place += part.nbytes
        kind = _TYPES.index(parts[0].dtype)
        row = (0, start, *sample.size, kind, sample.labels is not None, len(boxes))
        with self._lock:
            self._table[index] = row
            self._table[index, _KNOWN] = 1

    def _kept_sample(self, index: int) -> Sample:
        _, start, height, width, kind, labelled, boxed = (int(n) for n in self._table[index])
        pixels, dtype = height * width, _TYPES[kind]

        def view(shape: tuple[int, ...], dtype: np.dtype[np.generic], at: int) -> Pixels:
            values = np.frombuffer(self._memory, dtype, int(np.prod(shape)), at).reshape(shape)
            values.flags.writeable = False
            return values

        ir = view((height, width), dtype, start)
        vis = view((height, width, 3), dtype, start + pixels * dtype.itemsize)
        after = start + 4 * pixels * dtype.itemsize
        labels = view((height, width), _TYPES[0], after) if labelled else None
        after += pixels * labelled
        # Written by `_keep`, in memory that only this process and its forks have.
        boxes = pickle.loads(self._memory[after : after + boxed]) if boxed else None  # noqa: S301
        return Sample(self.entries[index].name, ir, vis, labels, boxes)
