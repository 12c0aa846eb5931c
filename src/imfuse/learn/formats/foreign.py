"""Description of a published file format of weights."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A published file format of weights.

    Keys of a file that holds several state dicts are joined by a dot (`DIDF_Encoder.base.weight`);
    what training on several GPUs or compiling puts into keys (`module.`, `_orig_mod.`) is gone.

    Attributes:
        network: Name of our network.
        marks: Keys that tell the format; all must be there.
        renames: Patterns and replacements that turn their keys into ours, in this order.
        home: Where they are published.
        licence: What their authors say of using them.
        training_data: What they were trained on.
        dropped: Pattern of keys of theirs that no forward pass of theirs uses and ours lacks.
        settings: Settings of our network that these weights ask for.
        files: Over what files the authors spread the weights, empty where it is one.
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
        """Return our key for one of theirs; None where we have no use for it."""
        if self.dropped and re.search(self.dropped, key):
            return None
        for pattern, replacement in self.renames:
            key = re.sub(pattern, replacement, key)
        return key
