"""Observations and findings of a check of a dataset."""

from dataclasses import asdict, dataclass, field

from imfuse.data.entries import Entry
from imfuse.data.offsets import Edges, Offset


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a set.

    Attributes:
        kind: `count`, `size`, `unmatched`, `unreadable`, `labels`, `boxes`, `identical` (infrared
            and visible picture are the same), `swapped` (the infrared picture is coloured, the
            visible one gray), `repeated` (a picture occurs twice in one split), `leak` (it occurs
            in training and in test or validation), `offset` (most pairs line up better when one of
            their pictures is moved), or `pairing` (most pictures have a neighbour's partner).
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
        size: Height and width, or None where it can't be read.
        digests: Hash of the infrared and of the visible pixels; None for pictures of one value,
            which say nothing.
        boxes: Names of the classes of its boxes, one a box; None where nobody drew any.
        swapped: Whether the infrared picture is coloured and the visible one gray.
        offset: Where the pair lines up best, for a sample of all pairs.
        sketch: Edges of both pictures, for stretches of neighbours.
        findings: What is wrong with the sample by itself.
    """

    entry: Entry
    size: tuple[int, int] | None = None
    digests: tuple[bytes | None, bytes | None] = (None, None)
    boxes: tuple[str, ...] | None = None
    swapped: bool = False
    offset: Offset | None = None
    sketch: tuple[Edges, Edges] | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Report:
    """Findings of a check.

    Attributes:
        layout: Name of the layout.
        title: What the set is.
        pairs: Pairs by split; the key is empty for pairs without one.
        official: Published counts by split, or by subset where there are no splits.
        sizes: Pairs by size, as `640x480` (width x height), the most frequent first.
        labelled: Pairs with labels.
        boxed: Pairs with boxes, or known to have none to draw.
        boxes: Boxes by class.
        terms: What the source says of the set's use.
        findings: What is wrong, in the order of checking.
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
    findings: tuple[Finding, ...] = field(default=())

    def as_dict(self) -> dict[str, object]:
        """Return the report for `--json`, with `ok`: whether nothing was found."""
        return {"ok": not self.findings, **asdict(self)}
