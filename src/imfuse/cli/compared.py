"""The pairs and pictures that `imfuse bench` compares, whoever judges them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imfuse.cli.console import say, say_list

if TYPE_CHECKING:
    from imfuse.data.entries import NamedPair
    from imfuse.data.sources import Source
    from imfuse.options import InfraredRange
    from imfuse.types import Picture

_PARTS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Options that all tasks share; see the options of the command."""

    models: list[str]
    data: str
    split: str | None
    layout: str | None
    names: Path | None
    limit: int | None
    fused: list[str]
    ir_range: str | None
    workers: int | None

    @property
    def folders(self) -> list[tuple[str, Path]]:
        """Label and path of each folder of fused pictures."""
        from imfuse.bench.run import parse_folder

        return [parse_folder(text) for text in self.fused]

    @property
    def title(self) -> str:
        """Name of the data in titles: with the folder above where the name is that of a part."""
        path = Path(self.data)
        return f"{path.parent.name}/{path.name}" if path.name in _PARTS else path.name

    @property
    def inputs(self) -> list[Path]:
        """Files and folders that no output may be."""
        listed = [] if self.names is None else [self.names]
        return [Path(self.data), *(folder for _, folder in self.folders), *listed]

    @property
    def threads(self) -> int:
        """Pairs to process at the same time."""
        from imfuse.machine import available_cores

        return self.workers or available_cores()

    def source(self) -> "Source":
        """Open the pairs, and print which they are.

        Raises:
            ImfuseError: There are none.
        """
        from imfuse.data.opening import open_for_comparing

        source = open_for_comparing(
            self.data, split=self.split, layout=self.layout, names=self.names, limit=self.limit
        )
        _say_source(source)
        return source

    def range_of(self, pairs: "list[NamedPair]") -> "InfraredRange | None":
        """Return the infrared range, in which percentiles of all pairs have become values.

        Raises:
            UsageError: It is no range.
            ImfuseError: A pair can't be read, or all infrared pictures hold one value.
        """
        from imfuse.options import InfraredRange
        from imfuse.ranges import shared_range

        if self.ir_range is None:
            return None
        wanted = InfraredRange.parse(self.ir_range)
        return shared_range((partial(_infrared_of, p) for p in pairs), wanted, workers=self.threads)


def _infrared_of(pair: "NamedPair") -> "Picture":
    return pair.load().ir


def _say_source(source: "Source") -> None:
    """Print which part of a dataset is used, and which files were left out."""
    splits = {entry.split for entry in source.entries} - {""}
    if source.layout.forms and splits:
        say(
            f"{source.layout.name}: {len(source)} pairs of the {' and '.join(sorted(splits))} split"
        )
    say_list("files that make no pair", [f"{path}: {why}" for path, why in source.unmatched])
