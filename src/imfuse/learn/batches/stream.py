"""Order of samples in batches, determined by seed and epoch alone so that training can resume."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from imfuse.errors import UsageError


class SampleStream(Sampler[list[tuple[int, int]]]):
    """Endless batches from shuffled epochs, one after the other.

    Epoch e is a permutation determined by seed and e alone, and batches may span two epochs. So the
    number of samples already used determines all that follow: `seen` resumes from there.

    Args:
        count: Number of samples in an epoch.
        batch: Batch size of this process.
        seed: Random seed of the order.
        seen: Number of samples already used, by all ranks together.
        steps: Number of batches; None: endless.
        rank: Number of this process among those that share every batch of `batch * world`.
        world: Number of such processes.
    """

    def __init__(
        self,
        count: int,
        batch: int,
        *,
        seed: int = 0,
        seen: int = 0,
        steps: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if count < 1 or batch < 1 or seen < 0 or not 0 <= rank < world:
            found = f"{count} samples, batch {batch}, seen {seen}, rank {rank} of {world}"
            raise UsageError(found, expected="at least one sample, batches from 1, 0 <= rank")
        self.count, self.batch, self.seed, self.seen = count, batch, seed, seen
        self.steps, self.rank, self.world = steps, rank, world

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield the (epoch, place) of each batch."""
        order, of_epoch = np.empty(0, np.int64), -1
        step = 0
        while self.steps is None or step < self.steps:
            first = self.seen + (step * self.world + self.rank) * self.batch
            items = []
            for number in range(first, first + self.batch):
                epoch, place = divmod(number, self.count)
                if epoch != of_epoch:
                    order, of_epoch = epoch_order(self.count, self.seed, epoch), epoch
                items.append((epoch, int(order[place])))
            yield items
            step += 1


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the order of the samples in an epoch."""
    return np.random.default_rng([seed, epoch]).permutation(count)


class InOrder(Sampler[list[tuple[int, int]]]):
    """Every sample once, in order."""

    def __init__(self, count: int, batch: int) -> None:
        self.count, self.batch = count, batch

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield the (0, number) of each batch."""
        for first in range(0, self.count, self.batch):
            yield [(0, i) for i in range(first, min(first + self.batch, self.count))]
