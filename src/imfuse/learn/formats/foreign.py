"""Description of a published file format of weights."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A published file format of weights.

    If a file holds several state dicts, the name of each is put before its keys with a dot
    (`DIDF_Encoder.base.weight`); the prefixes `module.` and `_orig_mod.`, left by training on
    several GPUs and by compiling, are already removed.

    Attributes:
        network: Name of our network.
        marks: Keys by which the format is recognised; all must be present.
        renames: Patterns and replacements that turn their keys into ours, in this order.
        home: Address at which the weights are published.
        licence: Licence as stated by the authors.
        training_data: Data that the weights were trained on.
        dropped: Pattern of keys to leave out: no forward pass uses them, and our network lacks
            them.
        settings: Settings that our network needs for these weights.
        files: Description of the files, if the authors spread the weights over several; else empty.
    """

    network: str
    marks: tuple[str, ...]
    renames: Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
    home: str
    training_data: str
    licence: str = "no licence stated"
    dropped: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    files: str = ""

    def rename(self, key: str) -> str | None:
        """Return our key for one of theirs; None if it is left out."""
        if self.dropped and re.search(self.dropped, key):
            return None
        for pattern, replacement in self.renames:
            key = re.sub(pattern, replacement, key)
        return key
