"""Sources of samples: named pairs, read one at a time."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from imfuse.data.entries import Entry, NamedPair
from imfuse.data.layouts import Layout
from imfuse.data.sample import Annotations, Sample
from imfuse.errors import UnknownName, UsageError
from imfuse.types import ImagePair, Picture


class Source(ABC):
    """Samples by number. Sources may be read by several threads, and survive a fork.

    Attributes:
        entries: Facts about each sample.
        layout: The dataset of the samples; the first one if several are joined.
    """

    entries: tuple[Entry, ...]
    layout: Layout

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.entries)

    @abstractmethod
    def load(self, index: int) -> Sample:
        """Return a sample as it is stored: 8 or 16 bits, or float32 in [0, 1]. Don't change it.

        Raises:
            ImfuseError: The sample can't be read, its pictures differ in size, or the black and
                white of their values are unknown.
        """

    def pair(self, index: int) -> ImagePair:
        """Return the two pictures of a sample, in full depth and with all metadata of their files.

        Raises:
            ImfuseError: The pictures can't be read.
        """
        sample = self.load(index)
        name = f"<{sample.name}>"
        return ImagePair(
            ir=Picture(pixels=sample.ir, name=name), vis=Picture(pixels=sample.vis, name=name)
        )

    def annotations(self, index: int) -> Annotations:
        """Return the labels and boxes of a sample.

        Raises:
            ImfuseError: They can't be read.
        """
        sample = self.load(index)
        return Annotations(sample.labels, sample.boxes)

    def pairs(self) -> list[NamedPair]:
        """Return all pairs by name; each is read, or rendered, when it is needed."""
        return [
            NamedPair(name, partial(self.pair, i), partial(self.annotations, i))
            for i, name in enumerate(self.names)
        ]

    def read(self, index: int) -> Sample:
        """Return a sample with float32 values in [0, 1]."""
        return self.load(index).as_float()

    def check(self, index: int) -> None:
        """Check that a sample can be read, with less work than reading it if possible.

        Raises:
            ImfuseError: See `load`.
        """
        self.load(index)

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Close open files; they are reopened when needed."""

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The sets that the samples are from."""
        return (self.layout,)

    @property
    def unmatched(self) -> tuple[tuple[Path, str], ...]:
        """Files without a partner, with the reason; they were left out."""
        return ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the samples, in order."""
        return tuple(entry.name for entry in self.entries)

    @property
    def labelled(self) -> bool:
        """True if any sample has labels."""
        return any(entry.labelled for entry in self.entries)

    @property
    def video(self) -> bool:
        """True if any sample is a frame of a clip."""
        return any(entry.video for entry in self.entries)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names, to check that two runs have the same list of samples."""
        return hashlib.sha256("\n".join(self.names).encode("utf-8", "surrogateescape")).hexdigest()


class Derived(Source):
    """Samples derived from those of another source.

    Args:
        source: The other source.
        entries: Facts about the samples; None: those of the other source.
    """

    def __init__(self, source: Source, entries: tuple[Entry, ...] | None = None) -> None:
        self.source, self.layout = source, source.layout
        self.entries = source.entries if entries is None else entries

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The sets that the samples are from."""
        return self.source.layouts

    @property
    def unmatched(self) -> tuple[tuple[Path, str], ...]:
        """Files that make no pair, and why."""
        return self.source.unmatched

    def close(self) -> None:
        """Let go of open files."""
        self.source.close()


class Selection(Derived):
    """Some samples of a source, in the order of their numbers there."""

    def __init__(self, source: Source, indices: Sequence[int]) -> None:
        self.indices = tuple(indices)
        super().__init__(source, tuple(source.entries[index] for index in self.indices))

    def load(self, index: int) -> Sample:
        """Return a sample as it is stored."""
        return self.source.load(self.indices[index])

    def pair(self, index: int) -> ImagePair:
        """Return the two pictures of a sample."""
        return self.source.pair(self.indices[index])

    def annotations(self, index: int) -> Annotations:
        """Return the labels and boxes of a sample."""
        return self.source.annotations(self.indices[index])

    def check(self, index: int) -> None:
        """Find out whether a sample can be read."""
        self.source.check(self.indices[index])


class Joined(Source):
    """Several sources one after the other; names begin with the name of their dataset.

    Args:
        sources: The sources.
        times: Repetitions of each dataset's samples in an epoch, by its name; once by default.

    Raises:
        UsageError: No source is given.
        UnknownName: `times` names a dataset that is not among the sources.
    """

    def __init__(self, sources: Sequence[Source], times: Mapping[str, int] | None = None) -> None:
        if not sources:
            raise UsageError("no source of pairs", expected="at least one")
        self.sources = tuple(sources)
        titles = _titles([source.layout.name for source in sources])
        times = times or {}
        for name in times:
            if name not in titles:
                raise UnknownName("set among the data", name, titles)
        self._places = [(s, i) for s, source in enumerate(sources) for i in range(len(source))]
        self.entries = tuple(
            replace(
                entry,
                name=f"{title}/{entry.name}",
                group=f"{title}/{entry.group}",
                times=times.get(title, 1),
            )
            for title, source in zip(titles, sources, strict=True)
            for entry in source.entries
        )
        self.layout = sources[0].layout

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The sets that the samples are from, each once."""
        layouts = (one for source in self.sources for one in source.layouts)
        return tuple({layout.name: layout for layout in layouts}.values())

    @property
    def unmatched(self) -> tuple[tuple[Path, str], ...]:
        """Files that make no pair, and why."""
        return tuple(one for source in self.sources for one in source.unmatched)

    def load(self, index: int) -> Sample:
        """Return a sample as it is stored."""
        which, inner = self._places[index]
        return replace(self.sources[which].load(inner), name=self.entries[index].name)

    def pair(self, index: int) -> ImagePair:
        """Return the two pictures of a sample."""
        which, inner = self._places[index]
        return self.sources[which].pair(inner)

    def annotations(self, index: int) -> Annotations:
        """Return the labels and boxes of a sample."""
        which, inner = self._places[index]
        return self.sources[which].annotations(inner)

    def check(self, index: int) -> None:
        """Find out whether a sample can be read."""
        which, inner = self._places[index]
        self.sources[which].check(inner)

    def close(self) -> None:
        """Let go of open files."""
        for source in self.sources:
            source.close()


def _titles(names: list[str]) -> list[str]:
    """Return names made unique by a number after repeated ones."""
    seen: dict[str, int] = {}
    titles = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        titles.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return titles
