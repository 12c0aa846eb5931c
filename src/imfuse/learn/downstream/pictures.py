"""The pictures of each row: sources as they are, fused here, or finished ones from elsewhere."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imfuse import __version__
from imfuse.bench.machines import INFRARED, VISIBLE
from imfuse.bench.run import Competitor
from imfuse.errors import PairMismatch, UsageError
from imfuse.folders import FolderJob, prepare
from imfuse.fuser import Fuser
from imfuse.io.images import read_image, write_image
from imfuse.io.naming import one_form
from imfuse.learn.batches.shown import FUSED
from imfuse.learn.downstream.parts import Part, safe
from imfuse.machine import available_cores
from imfuse.options import FuseOptions


@dataclass(frozen=True)
class Shown(ABC):
    """The pictures that a segmenter is trained on and labels.

    Attributes:
        label: Name of the row.
    """

    label: str

    @abstractmethod
    def identity(self, part: Part) -> Mapping[str, Any]:
        """Return all that decides the pictures of a part, besides its pairs.

        Raises:
            ImfuseError: Pictures are missing.
        """

    @abstractmethod
    def on(self, part: Part, folder: Path, cache: Path) -> str:
        """Make the pictures of a part, and return the value of the setting `on` that shows them.

        Args:
            part: The part.
            folder: Where its pairs have been written.
            cache: The cache.

        Raises:
            ImfuseError: A picture can't be made.
        """


@dataclass(frozen=True)
class Unfused(Shown):
    """Pictures of one sensor, or both of them unfused.

    Attributes:
        what: The sensor, or `pair`.
    """

    what: Literal["vis", "ir", "pair"]

    def identity(self, part: Part) -> Mapping[str, Any]:
        """Return the kind of pictures."""
        return {"unfused": self.what}

    def on(self, part: Part, folder: Path, cache: Path) -> str:
        """Return the kind of pictures; there is nothing to make."""
        return self.what


SENSORS = (Unfused(VISIBLE, "vis"), Unfused(INFRARED, "ir"))
"""Both sensors alone."""


@dataclass(frozen=True)
class Fused(Shown):
    """Pictures that a method fuses here.

    Attributes:
        model: Its name, or its file.
        about: What the method is: its description, and the SHA-256 of its weights.
    """

    model: str
    about: Mapping[str, Any]

    @classmethod
    def by(cls, model: str) -> "Fused":
        """Return the pictures of a method.

        Raises:
            ImfuseError: There is no such method, or its file can't be used.
        """
        engine = Fuser(model, threads=1).engine
        weights = getattr(engine, "weights_sha256", None)
        about = {"method": engine.spec.model_dump(mode="json"), "weights_sha256": weights}
        return cls(engine.spec.name, model, about)

    def identity(self, part: Part) -> Mapping[str, Any]:
        """Return what the method is."""
        return self.about

    def on(self, part: Part, folder: Path, cache: Path) -> str:
        """Fuse what is not fused yet."""
        out = picture_folder(self, part, cache)
        options = FuseOptions(model=self.model)
        workers = min(4, available_cores())
        job = FolderJob(
            ir=folder / "ir",
            vis=folder / "vis",
            out=out,
            options=options,
            workers=workers,
            resume=True,
        )
        for result in prepare(job):
            if result.error is not None:
                raise result.error
        return f"{FUSED}{out}"


@dataclass(frozen=True)
class Finished(Shown):
    """Fused pictures from a folder.

    Attributes:
        files: Files by name of the pair.
    """

    files: Mapping[str, Path]

    @classmethod
    def of(cls, label: str, folder: Path) -> "Finished":
        """Return the pictures of a folder; see `Competitor.of_folder`."""
        return cls(label, Competitor.of_folder(label, folder).files)

    def identity(self, part: Part) -> Mapping[str, Any]:
        """Return the SHA-256 of the files.

        Raises:
            PairMismatch: A pair has no picture.
        """
        files = [self.files.get(one_form(name)) for name in part.names]
        missing = [name for name, file in zip(part.names, files, strict=True) if file is None]
        if missing:
            raise PairMismatch(
                f"{self.label} has no picture of {len(missing)} pairs of {part.name}, such as "
                f"{missing[0]}",
                expected="a fused picture of each pair to train on and to test on",
            )
        whole = hashlib.sha256()
        for file in files:
            if file is not None:
                whole.update(hashlib.sha256(file.read_bytes()).digest())
        return {"files": whole.hexdigest()}

    def on(self, part: Part, folder: Path, cache: Path) -> str:
        """Copy the pictures, under the names of the pairs."""
        out = picture_folder(self, part, cache)
        out.mkdir(parents=True, exist_ok=True)
        for name in part.names:
            picture = read_image(self.files[one_form(name)])
            suffix = ".tif" if picture.pixels.dtype.kind == "f" else ".png"
            if not (out / f"{name}{suffix}").exists():
                write_image(out / f"{name}{suffix}", picture)
        return f"{FUSED}{out}"


def picture_folder(shown: Shown, part: Part, cache: Path) -> Path:
    """Return the folder of the fused pictures of a part."""
    key = digest({**shown.identity(part), "pairs": part.sha256, "imfuse": __version__})[:16]
    return cache / "fused" / f"{safe(shown.label)}-{safe(part.name)}-{key}"


def digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def refuse_twins(rows: Sequence[Shown]) -> None:
    """Refuse rows of the same name.

    Raises:
        UsageError: Two rows have the same name.
    """
    labels = [row.label for row in rows]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise UsageError(f"two rows are named {', '.join(twice)}", expected="different names")
