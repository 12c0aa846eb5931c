"""Parts of a source: splits, labelled samples, samples held out for validation."""

import hashlib

from imfuse.data.sources import Selection, Source
from imfuse.errors import UsageError


def select_split(source: Source, split: str) -> Source:
    """Return the samples of one split; without splits, they belong to both `train` and `test`.

    Raises:
        UsageError: No samples are left.
    """
    open_ended = split != "val"
    kept = [
        index
        for index, entry in enumerate(source.entries)
        if entry.split == split or (open_ended and not entry.split)
    ]
    if not kept:
        there = sorted({entry.split or "no split" for entry in source.entries})
        raise UsageError(
            f"no samples of the split {split!r}",
            expected=f"one of: {', '.join(there)}",
            remedy="Take validation samples from the training pairs with hold_out()."
            if split == "val"
            else "Give the folder that holds that split.",
        )
    return source if len(kept) == len(source) else Selection(source, kept)


def labelled_part(source: Source) -> Source:
    """Return the samples of a source that have labels; there may be none."""
    kept = [index for index, entry in enumerate(source.entries) if entry.labelled]
    return source if len(kept) == len(source) else Selection(source, kept)


def hold_out(source: Source, share: float = 0.1) -> tuple[Source, Source]:
    """Split off validation samples, the same ones in every run and on every machine.

    A sample is held out if the hash of its group's name falls below the share, so adding pairs
    moves no others. Frames of one clip stay together.

    Args:
        source: Training samples.
        share: Approximate fraction of them to hold out, between 0 and 1.

    Returns:
        The samples to train on, and those to validate on; neither is empty.

    Raises:
        UsageError: A sample belongs to a test split, the share is not between 0 and 1, or there
            are fewer than two groups.
    """
    if not 0 < share < 1:
        raise UsageError(f"share {share}", expected="a share between 0 and 1")
    tested = [entry.name for entry in source.entries if entry.split == "test"]
    if tested:
        raise UsageError(
            f"{len(tested)} samples are of a test split, such as {tested[0]}",
            expected="training samples only",
            remedy="Open the source with split='train'.",
        )
    ranks = {entry.group: _rank(entry.group) for entry in source.entries}
    if len(ranks) < 2:
        raise UsageError(f"{len(ranks)} group of samples", expected="at least two to divide")
    # At least one group on either side, whatever the names.
    ordered = sorted(ranks, key=lambda group: ranks[group])
    cut = min(max(sum(rank < share for rank in ranks.values()), 1), len(ordered) - 1)
    held = set(ordered[:cut])
    kept = [i for i, entry in enumerate(source.entries) if entry.group not in held]
    out = [i for i, entry in enumerate(source.entries) if entry.group in held]
    return Selection(source, kept), Selection(source, out)


def _rank(name: str) -> float:
    """Return a number in [0, 1) that depends on the name only."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
