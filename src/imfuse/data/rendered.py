"""Rendered scenes as a source: pairs and labels without limit, the same for every user."""

from imfuse.data.catalogue import SCENES as LAYOUT
from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Entry, Source
from imfuse.errors import UsageError
from imfuse.scenes import SCENES, render

DEFAULT_SCENES = 200
MOST_SCENES = 1_000_000
FIRST_TRAINING_SEED = 1_000_000
"""Far from the seeds 0, 1, 2, ... of benchmarks and demonstrations, which so stay unseen."""


class RenderedPairs(Source):
    """Rendered pairs with labels: all kinds of scenes in turn, then the next seed.

    Args:
        count: How many.
        split: `test`: the scenes that `imfuse bench --data scenes` fuses; else training scenes.
        size: Height and width in pixels.

    Raises:
        UsageError: The count is below 1, or above a million.
    """

    layout = LAYOUT

    def __init__(
        self,
        count: int = DEFAULT_SCENES,
        *,
        split: str = "train",
        size: tuple[int, int] = (480, 640),
    ) -> None:
        if not 1 <= count <= MOST_SCENES:
            expected = f"scenes, or scenes:N with N from 1 to {MOST_SCENES}"
            raise UsageError(f"scenes:{count}", expected=expected)
        self._size = size
        first = 0 if split == "test" else FIRST_TRAINING_SEED
        self._scenes = tuple(
            (SCENES[i % len(SCENES)], first + i // len(SCENES)) for i in range(count)
        )
        self.entries = tuple(
            Entry(f"{seed:07d}-{kind}", split, f"{seed:07d}", labelled=True)
            for kind, seed in self._scenes
        )

    def load(self, index: int) -> Sample:
        """Render a pair, in 8 bits as a file would hold it."""
        kind, seed = self._scenes[index]
        scene = render(kind, size=self._size, seed=seed)
        return Sample(
            self.entries[index].name, quantised(scene.ir), quantised(scene.vis), scene.labels
        )

    def check(self, index: int) -> None:
        """Do nothing: what is rendered can be read."""
