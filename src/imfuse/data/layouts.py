"""Description of a dataset: its layout on disk, counts, classes and terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["files", "four channels", "side by side", "clips"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form of a dataset's layout.

    Templates are folders below the dataset's root, matched regardless of case; `|` separates
    alternative names, of which the first that exists is used, and `{split}` stands for `train`,
    `val` or `test`.

    Attributes:
        ir: Template of the folder with infrared pictures or clips.
        vis: Template of the folder with visible ones; the same as `ir` if one file holds both.
        labels: Template of the folder with label pictures; empty: the form has none.
        boxes: Template of the folder with one box file per pair, or of one JSON file for all.
        kind: Storage of a pair: two `files`, one PNG of `four channels` (RGB, then thermal), one
            picture with the visible half `side by side` on the left, or two video `clips`.
        names: Pattern of the pairs' names (without extension) by which the dataset is recognised.
        folder: Pattern found in the root's name, or in that of the folder above it.
        beside: Name of a file or folder in the root by which the dataset is recognised.
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
    """Source that `imfuse data get` downloads from: a Git repository at one commit.

    Attributes:
        repository: `owner/name` on GitHub.
        commit: Full commit id.
        folders: Folders of the repository to fetch.
        checksums: Name of our own list of SHA-256 sums; empty: the sums are the Git blob ids that
            GitHub lists for the commit.
    """

    repository: str
    commit: str
    folders: tuple[str, ...]
    checksums: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A dataset of pairs.

    Attributes:
        name: Name on the command line.
        title: One line for humans.
        own: Name on cards for users' own pairs in this layout; empty for published datasets.
        forms: The forms of its layout.
        counts: Pairs of each official split; the key is empty for a dataset without splits.
        size: Height and width of all pictures, or None if they vary.
        classes: Names of the classes by label; empty if there are no labels.
        box_classes: Names of the classes of boxes, if they are not `classes`.
        test_names: Name of our own list of the pairs that papers test on; all others are training
            pairs.
        medical: Whether its pictures are medical, which the gate of registrations doesn't know.
        mri_as_ir: Whether its infrared pictures are MRI, and the visible ones PET or SPECT.
        test_only: Whether papers only test on it; all its pairs then belong to the test split.
        terms: Terms of use, as the source states them.
        source: Address of its description or download.
        origin: Source that `imfuse data get` downloads from, or None.
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
    medical: bool = False
    mri_as_ir: bool = False
    test_only: bool = False
    terms: str = ""
    source: str = ""
    origin: Origin | None = None

    @property
    def on_cards(self) -> str:
        """Name of the dataset on cards."""
        return self.own or self.title
