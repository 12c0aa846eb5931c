"""Batches of tensors, loaded by worker processes; the seed alone determines their content."""

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from imfuse.data.sample import IGNORED, Sample
from imfuse.data.sources import Source
from imfuse.errors import ImfuseError, PairMismatch
from imfuse.learn.batches.cache import CachedSource
from imfuse.learn.batches.stream import InOrder, SampleStream
from imfuse.learn.batches.transforms import Augmentation
from imfuse.machine import available_cores

_MOST_WORKERS = 8
_AHEAD = 4
"""Batches that each worker prefetches; they wait in shared memory, which containers limit."""


class Batch(NamedTuple):
    """Pairs of one size.

    Attributes:
        names: Names of the samples.
        ir: `(b, 1, h, w)` infrared pictures in [0, 1].
        vis: `(b, 3, h, w)` visible pictures in [0, 1], RGB.
        labels: `(b, h, w)` classes as int64, 255 for unknown; None if the source has none.
    """

    names: tuple[str, ...]
    ir: Tensor
    vis: Tensor
    labels: Tensor | None

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on another device."""
        labels = None if self.labels is None else self.labels.to(device, non_blocking=True)
        ir, vis = (part.to(device, non_blocking=True) for part in (self.ir, self.vis))
        return Batch(self.names, ir, vis, labels)


class PairDataset(Dataset[Sample]):
    """Variants of the samples of a source: item `(epoch, place)` is the same in every process.

    Args:
        source: The samples.
        augmentation: Random changes of the samples.
        seed: Random seed of the variants.
        once: Take every sample once, even if an epoch of training repeats it.
    """

    def __init__(
        self,
        source: Source,
        augmentation: Augmentation | None = None,
        *,
        seed: int = 0,
        once: bool = False,
    ) -> None:
        self.source, self.seed = source, seed
        self.augmentation = augmentation or Augmentation()
        self._places = [
            index
            for index, entry in enumerate(source.entries)
            for _ in range(1 if once else entry.times)
        ]

    def __len__(self) -> int:
        """Return the number of samples of an epoch."""
        return len(self._places)

    def __getitem__(self, item: tuple[int, int]) -> Sample:
        """Return the variant of a sample that belongs to an epoch."""
        epoch, place = item
        rng = np.random.default_rng([self.seed, epoch, place])
        return self.augmentation.apply(self.source.load(self._places[place]), rng)


class Batches:
    """Batches of a source, prefetched by worker processes.

    Iterating starts the workers; each iteration starts again at `seen`.

    Args:
        source: The samples; a `CachedSource` if they should be decoded only once. It decodes as
            many video frames as fit, in order, before the workers start.
        batch: Batch size.
        augmentation: Random changes of the samples; None: none.
        seed: Random seed of order and variants.
        seen: Number of samples already used, to resume from.
        steps: Number of batches; None: endless.
        ordered: Instead yield every sample once and in order; the last batch may be smaller.
        workers: Number of processes that prefetch; None: one per core, at most 8; 0: none.
        ranks: This process's number, and the number of processes that share every batch.

    Raises:
        UsageError: A number is out of range.
    """

    def __init__(
        self,
        source: Source,
        batch: int,
        augmentation: Augmentation | None = None,
        *,
        seed: int = 0,
        seen: int = 0,
        steps: int | None = None,
        ordered: bool = False,
        workers: int | None = None,
        ranks: tuple[int, int] = (0, 1),
    ) -> None:
        self.source = source
        dataset = PairDataset(source, augmentation, seed=seed, once=ordered)
        self.sampler: Sampler[list[tuple[int, int]]] = (
            InOrder(len(dataset), batch)
            if ordered
            else SampleStream(
                len(dataset),
                batch,
                seed=seed,
                seen=seen,
                steps=steps,
                rank=ranks[0],
                world=ranks[1],
            )
        )
        self.workers = min(available_cores(), _MOST_WORKERS) if workers is None else workers
        self.dataset = _Guarded(dataset)

    def loader(self) -> DataLoader[Sample | ImfuseError]:
        """Return the loader behind the batches; it passes workers' errors on as items."""
        return DataLoader(
            self.dataset,
            batch_sampler=self.sampler,
            num_workers=self.workers,
            collate_fn=_Collate(labelled=self.source.labelled),
            worker_init_fn=_start_worker,
            prefetch_factor=_AHEAD if self.workers else None,
            # The cache of a `CachedSource` is shared only with forks.
            multiprocessing_context="fork" if self.workers and sys.platform == "linux" else None,
            pin_memory=torch.cuda.is_available(),
            # Otherwise it would draw from the generator whose state training must resume.
            generator=torch.Generator().manual_seed(0),
        )

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches.

        Raises:
            ImfuseError: A sample can't be read.
            PairMismatch: Samples of a batch differ in size.
        """
        if isinstance(self.source, CachedSource):
            self.source.fill_video()
        # Workers can't use decoders that they inherit.
        self.source.close()
        for item in self.loader():
            if isinstance(item, ImfuseError):
                raise item
            yield _finished(item)


class _Guarded(Dataset[Sample | ImfuseError]):
    """Samples, or errors as items: PyTorch would turn a worker's error into a traceback."""

    def __init__(self, dataset: PairDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, item: tuple[int, int]) -> Sample | ImfuseError:
        try:
            return self.dataset[item]
        except ImfuseError as error:
            return error


class _Collate:
    """Collate samples into a batch of the stored type, which has a quarter of the bytes."""

    def __init__(self, *, labelled: bool) -> None:
        self.labelled = labelled

    def __call__(self, items: Sequence[Sample | ImfuseError]) -> Batch | ImfuseError:
        for item in items:
            if isinstance(item, ImfuseError):
                return item
        samples = [item for item in items if isinstance(item, Sample)]
        try:
            return _packed(samples, labelled=self.labelled)
        except ImfuseError as error:
            return error


def collate(samples: Sequence[Sample], *, labelled: bool) -> Batch:
    """Put samples into one batch.

    Args:
        samples: Samples of one size, as stored or float32.
        labelled: Whether the batch has labels; samples without labels get unknown ones.

    Raises:
        PairMismatch: The sizes differ.
    """
    return _finished(_packed(samples, labelled=labelled))


def _packed(samples: Sequence[Sample], *, labelled: bool) -> Batch:
    """Put samples into one batch: uint8 if all samples have 8 bits, else float32."""
    sizes = {sample.size for sample in samples}
    if len(sizes) > 1:
        raise PairMismatch(
            f"pictures of {len(sizes)} sizes in one batch ({samples[0].name}, ...)",
            expected="one size",
            remedy="Use crops of one size (crop=256), or one picture at a time (batch=1).",
        )
    if any(sample.ir.dtype != np.uint8 for sample in samples):
        samples = [sample.as_float() for sample in samples]
    labels = None
    if labelled:
        unknown = np.full(samples[0].size, IGNORED, np.uint8)
        known = [unknown if s.labels is None else s.labels for s in samples]
        labels = torch.from_numpy(np.stack(known))
    ir = np.stack([sample.ir for sample in samples])[:, None]
    vis = np.empty((len(samples), 3, *samples[0].size), ir.dtype)
    for into, sample in zip(vis, samples, strict=True):
        into[...] = sample.vis.transpose(2, 0, 1)
    names = tuple(sample.name for sample in samples)
    return Batch(names, torch.from_numpy(ir), torch.from_numpy(vis), labels)


def _finished(batch: Batch) -> Batch:
    """Return a batch with the types that `Batch` promises."""
    labels = None if batch.labels is None else batch.labels.long()
    if batch.ir.dtype == torch.uint8:
        ir, vis = (part.float().mul_(1 / 255) for part in (batch.ir, batch.vis))
        return Batch(batch.names, ir, vis, labels)
    return batch._replace(labels=labels)


def _start_worker(_number: int) -> None:
    # OpenCV's own threads don't survive a fork, and workers have a core each anyway.
    cv2.setNumThreads(0)
