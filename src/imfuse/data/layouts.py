"""Description of a dataset: its layout on disk, counts, classes and terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["files", "four channels", "side by side", "clips"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way in which a set is laid out.

    Templates are folders below the set's root, found without regard to case; `|` separates names
    of which the first that exists counts, and `{split}` stands for `train`, `val` or `test`.

    Attributes:
        ir: Template of the folder with infrared pictures or clips.
        vis: Template of the folder with visible ones; the same as `ir` where one file holds both.
        labels: Template of the folder with label pictures; empty: the form has none.
        boxes: Template of the folder with one file of boxes a pair, or of one JSON file for all.
        kind: How a pair is stored: two `files`, one PNG of `four channels` (RGB, then thermal), one
            picture with the visible half `side by side` on the left, or two video `clips`.
        names: Pattern of the pairs' names (without ending) by which the set is recognised.
        folder: Pattern found in the root's name, or in that of the folder above it.
        beside: Name of something that lies beside, by which the set is recognised.
        lists: Text files below the root that name the pairs of each split.
    """

    ir: str
    vis: str
    labels: str = ""
    boxes: str = ""
    kind: Kind = "files"
    names: str = ""
    folder: str = ""
    beside: str = ""
    lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where `imfuse data get` fetches a set: plain files of a Git repository, at one commit.

    Attributes:
        repository: `owner/name` on GitHub.
        commit: Full commit id.
        folders: Which folders of it to fetch.
        checksums: Name of our own list of SHA-256 sums; empty: the sums are the Git blob ids that
            GitHub lists for the commit.
    """

    repository: str
    commit: str
    folders: tuple[str, ...]
    checksums: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A set of pairs.

    Attributes:
        name: Name on the command line.
        title: One line for humans.
        own: What cards call pairs that anyone may have laid out so; empty for a known set.
        forms: The ways in which it is laid out.
        counts: Pairs of each official split; the key is empty for a set without splits.
        size: Height and width of all pictures, or None where they vary.
        classes: Names of the classes by label; empty where there are no labels.
        box_classes: Names of the classes of boxes, where they are not `classes`.
        test_names: Name of our own list of the pairs that papers test on; the others are training.
        mri_as_ir: Whether its infrared pictures are MRI, and the visible ones PET or SPECT.
        test_only: Whether papers only ever test on it; all its pairs then are of the test split.
        terms: What the source says of its use.
        source: Where it is described or can be had.
        origin: Where `imfuse data get` fetches it, or None.
    """

    name: str
    title: str
    forms: tuple[Form, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    classes: tuple[str, ...] = ()
    box_classes: tuple[str, ...] = ()
    own: str = ""
    test_names: str = ""
    mri_as_ir: bool = False
    test_only: bool = False
    terms: str = ""
    source: str = ""
    origin: Origin | None = None

    @property
    def on_cards(self) -> str:
        """Name of its pairs on cards."""
        return self.own or self.title
