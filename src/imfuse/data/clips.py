"""Pairs stored as video: two clips of equal length, whose frames are the samples."""

import os
import threading
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np

from imfuse.data.entries import Entry
from imfuse.data.folders import Found
from imfuse.data.matching import PairPaths
from imfuse.data.sample import Sample, make_sample
from imfuse.data.sources import Source
from imfuse.errors import PairMismatch, UnreadableImage, UsageError
from imfuse.types import Pixels

FRAME_CACHE_BYTES = 256 * 2**20
"""Default size of the cache of decoded frames of a source of clips."""

_WORTH_SKIPPING = 48
"""Distance up to which frames are decoded and dropped instead of seeking: about that of key frames,
from which seeking must decode, too."""


class Clip:
    """One video file, decoded forwards as far as possible.

    Args:
        path: The file.

    Raises:
        UnreadableImage: The file is not a video that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        self.length = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._next = 0
        if not self._capture.isOpened() or self.length <= 0:
            raise UnreadableImage(
                "no video that can be decoded", file=path, expected="an MP4, AVI, MKV or MOV file"
            )

    def frame(self, number: int) -> Pixels:
        """Return a frame, `(H, W, 3)` RGB in 8 bits.

        Raises:
            UnreadableImage: The frame can't be decoded.
        """
        ahead = number - self._next
        if not 0 <= ahead <= _WORTH_SKIPPING:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, number)
            ahead = 0
        decoded = all(self._capture.grab() for _ in range(ahead))
        done, pixels = self._capture.read() if decoded else (False, None)
        if not done or pixels is None:
            self._next = -1
            raise UnreadableImage(
                f"frame {number} of {self.length} can't be decoded",
                file=self.path,
                remedy="Copy or convert the clip again.",
            )
        self._next = number + 1
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)

    def release(self) -> None:
        """Close the file."""
        self._capture.release()


class ClipPairs(Source):
    """The frames of pairs of clips, named `clip/frame`.

    If they are read in order, each frame is decoded once. The frames read last are cached.

    Args:
        found: Content of the folder.
        stride: Take every N-th frame.
        max_bytes: Size of the cache of decoded frames in bytes.

    Raises:
        UsageError: The stride is below 1.
        UnreadableImage: A clip can't be decoded.
        PairMismatch: The two clips of a pair differ in length.
    """

    def __init__(
        self, found: Found, *, stride: int = 1, max_bytes: int = FRAME_CACHE_BYTES
    ) -> None:
        if stride < 1:
            raise UsageError(f"stride {stride}", expected="1 or more frames")
        self.found, self.layout = found, found.layout
        self._stride, self._max_bytes, self._kept_bytes = stride, max_bytes, 0
        self._kept: OrderedDict[int, Sample] = OrderedDict()
        self._open: dict[Path, Clip] = {}
        self._strangers: list[dict[Path, Clip]] = []
        self._process, self._lock = os.getpid(), threading.Lock()
        places = [(p, n) for p in found.pairs for n in range(0, _common_length(p), stride)]
        self._places = tuple(places)
        self.entries = tuple(
            Entry(name=f"{pair.name}/{number:05d}", split=pair.split, group=pair.name, video=True)
            for pair, number in places
        )

    @property
    def unmatched(self) -> tuple[tuple[Path, str], ...]:
        """Files without a partner, with the reason."""
        return self.found.unmatched

    def __reduce__(self) -> tuple[object, ...]:
        """Make processes that are not forks open the clips themselves."""
        return _reopened, (self.found, self._stride, self._max_bytes)

    def load(self, index: int) -> Sample:
        """Return a frame of both clips."""
        self._after_fork()
        with self._lock:
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
            pair, number = self._places[index]
            ir, vis = (self._clip(path).frame(number) for path in (pair.ir, pair.vis))
            sample = make_sample(self.entries[index].name, ir, vis, None, pair.ir)
            self._keep(index, sample)
            return sample

    def check(self, index: int) -> None:
        """Decode the first and the last frame of each clip, not those in between."""
        group = self.entries[index].group
        beside = (self.entries[i].group for i in (index - 1, index + 1) if 0 <= i < len(self))
        if list(beside).count(group) < 2:
            self.load(index)

    def close(self) -> None:
        """Close all clips."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].release()

    def _keep(self, index: int, sample: Sample) -> None:
        self._kept[index] = sample
        self._kept_bytes += sample.nbytes
        while self._kept_bytes > self._max_bytes:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes

    def _clip(self, path: Path) -> Clip:
        """Return an open clip; only the two clips of one pair are open at a time."""
        if path not in self._open:
            while len(self._open) > 1:
                self._open.pop(next(iter(self._open))).release()
            self._open[path] = Clip(path)
        return self._open[path]

    def _after_fork(self) -> None:
        """Reopen everything in a forked process, which lacks the decoders' threads."""
        if self._process != os.getpid():
            # Releasing them here would wait for those threads for ever.
            self._strangers.append(self._open)
            self._open, self._process, self._lock = {}, os.getpid(), threading.Lock()


def _reopened(found: Found, stride: int, max_bytes: int) -> ClipPairs:
    return ClipPairs(found, stride=stride, max_bytes=max_bytes)


def _common_length(pair: PairPaths) -> int:
    lengths = []
    for path in (pair.ir, pair.vis):
        clip = Clip(path)
        lengths.append(clip.length)
        clip.release()
    if lengths[0] != lengths[1]:
        raise PairMismatch(
            f"{lengths[0]} infrared and {lengths[1]} visible frames",
            file=pair.ir,
            expected="clips of one length, frame by frame",
        )
    return lengths[0]
