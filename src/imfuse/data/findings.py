"""Observations and findings of a dataset check."""

from dataclasses import asdict, dataclass, field

from imfuse.data.entries import Entry
from imfuse.data.offsets import Edges, Offset
from imfuse.data.registered import Standing


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a dataset.

    Attributes:
        kind: `count`, `size`, `unmatched`, `unreadable`, `values` (their black and white are
            unknown, as of degrees, or there are none), `labels`, `boxes`, `identical` (infrared
            and visible picture are the same), `swapped` (the infrared picture is coloured, the
            visible one gray), `repeated` (a picture occurs twice in one split), `leak` (it occurs
            in training and in test or validation), `off` (infrared lies elsewhere on this pair),
            `offset` (most pairs line up better when one of their pictures is moved), or `pairing`
            (most pictures have a neighbour's partner).
        where: The pair, file or split concerned.
        message: What is wrong with it.
    """

    kind: str
    where: str
    message: str


@dataclass(frozen=True)
class Examined:
    """Observations on one sample.

    Attributes:
        entry: The sample.
        size: Height and width, or None if the sample can't be read.
        digests: Hashes of the infrared and of the visible pixels; None for a constant picture,
            which can't be compared.
        boxes: Class name of each of its boxes; None if it is not annotated with boxes.
        swapped: Whether the infrared picture is coloured and the visible one gray.
        offset: Shift at which the pair lines up best; measured for some of the pairs only.
        sketch: Edges of both pictures; kept for some runs of neighbours only.
        standing: How the pair lies; looked at for some of the pairs only.
        findings: Findings on this sample alone.
    """

    entry: Entry
    size: tuple[int, int] | None = None
    digests: tuple[bytes | None, bytes | None] = (None, None)
    boxes: tuple[str, ...] | None = None
    swapped: bool = False
    offset: Offset | None = None
    sketch: tuple[Edges, Edges] | None = None
    standing: Standing | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Report:
    """Findings of a check.

    Attributes:
        layout: Name of the layout.
        title: Description of the dataset.
        pairs: Pairs by split; the key is empty for pairs without one.
        official: Published counts by split, or by subset if there are no splits.
        sizes: Pairs by size, as `640x480` (width x height), the most frequent first.
        labelled: Pairs with labels.
        boxed: Pairs annotated with boxes, including those without objects.
        boxes: Boxes by class.
        terms: Terms of use, as the source states them.
        unsure: Pairs of those looked at that don't show whether they lie pixel on pixel.
        findings: All findings, in the order of checking.
    """

    layout: str
    title: str
    pairs: dict[str, int]
    official: dict[str, int]
    sizes: dict[str, int]
    labelled: int
    boxed: int
    boxes: dict[str, int]
    terms: str
    unsure: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    def as_dict(self) -> dict[str, object]:
        """Return the report for `--json`; its key `ok` is True if there are no findings."""
        return {"ok": not self.findings, **asdict(self)}
