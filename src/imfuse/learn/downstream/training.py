"""One row once: train a segmenter on one part of the pairs, and label and count the other part."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from imfuse import __version__
from imfuse.data.opening import open_source
from imfuse.errors import OutputError, TrainingInterrupted
from imfuse.io.atomic import write_text
from imfuse.io.labels import write_labels
from imfuse.learn.downstream.parts import Direction, safe
from imfuse.learn.downstream.pictures import Shown, digest
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.guides.table import create_guide
from imfuse.learn.recipes.card import JSON as CARD
from imfuse.learn.recipes.labelling import find_classes, seen
from imfuse.learn.recipes.segmenter import SegmenterRecipe, SegmenterSettings, load_guide
from imfuse.learn.recipes.table import find_recipe
from imfuse.learn.training.config import FREE
from imfuse.learn.training.folder import STATE, WEIGHTS, is_unbegun
from imfuse.learn.training.run import Watch, train
from imfuse.learn.training.settings import make_settings
from imfuse.metrics.segmentation import confusion_matrix
from imfuse.runs import sha256_of
from imfuse.scoring.lighting import light_of
from imfuse.scoring.segmentation import Look

_RESULT = "result.json"


@dataclass(frozen=True)
class Trainee:
    """A segmenter and how it is trained.

    Attributes:
        recipe: Its name.
        preset: Preset of its settings; None: those of the paper.
        changes: Changes to them.
        budget: Length of the training, such as `1200it`.
    """

    recipe: str
    preset: str | None
    changes: Mapping[str, Any]
    budget: str

    def settings(self, **more: object) -> SegmenterSettings:
        """Return all settings.

        Raises:
            UnknownName: There is no such segmenter, preset or setting.
            UsageError: A value makes no sense.
        """
        found = make_settings(self.kind, {**self.changes, **more}, preset=self.preset)
        return cast(SegmenterSettings, found)

    @property
    def kind(self) -> type[SegmenterRecipe]:
        """The training procedure."""
        return cast(type[SegmenterRecipe], find_recipe(self.recipe, "segmenter"))

    def identity(self, seed: int) -> dict[str, Any]:
        """Return all that decides its weights, besides pictures."""
        settings = self.settings(seed=seed)
        values = settings.model_dump(mode="json", exclude={"on", "weights", *FREE})
        weights = sha256_of(settings.weights)
        return {
            "segmenter": self.recipe,
            "settings": values | {"weights": weights},
            "budget": self.budget,
        }


@dataclass(frozen=True)
class Result:
    """Result of one training.

    Attributes:
        looks: What was found in each test picture, by name.
        steps: Steps of the training.
        seconds: Duration of the training.
        cached: Whether it was there already.
    """

    looks: Mapping[str, Look]
    steps: int
    seconds: float
    cached: bool = False


@dataclass(frozen=True, eq=False)
class Job:
    """A training of one row, with one seed, in one direction, and its test.

    Attributes:
        shown: The pictures.
        trainee: The segmenter.
        direction: What it is trained on, and what it is tested on.
        seed: Random seed.
    """

    shown: Shown
    trainee: Trainee
    direction: Direction
    seed: int

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """All that decides the result, as plain values.

        Raises:
            ImfuseError: A pair or a picture can't be read.
        """
        parts = {"train": self.direction.train, "test": self.direction.test}
        return {
            "imfuse": __version__,
            **self.trainee.identity(self.seed),
            **{
                what: {"pairs": part.sha256, "names": list(part.names)}
                | {"pictures": self.shown.identity(part)}
                for what, part in parts.items()
            },
        }

    @property
    def place(self) -> tuple[str, int, str]:
        """Label of the row, seed, and name of the part to train on."""
        return self.shown.label, self.seed, self.direction.train.name

    @property
    def title(self) -> str:
        """Description for people."""
        train, test = self.direction.train.name, self.direction.test.name
        return f"{self.shown.label}, trained on {train} and tested on {test}, seed {self.seed}"

    def folder(self, cache: Path) -> Path:
        """Return the folder of this row in the cache."""
        names = safe(self.shown.label), safe(self.direction.train.name), f"seed{self.seed}"
        return cache / "rows" / "-".join((*names, digest(self.identity)[:16]))

    def stored(self, cache: Path) -> Result | None:
        """Return the result if it is in the cache.

        Raises:
            OutputError: A damaged file is there.
        """
        file = self.folder(cache) / _RESULT
        if not file.exists():
            return None
        try:
            content = json.loads(file.read_bytes())
            looks = {
                one["name"]: Look(np.array(one["confusion"], np.int64), one["light"])
                for one in content["pictures"]
            }
            return Result(looks, content["steps"], content["seconds"], cached=True)
        except (ValueError, KeyError, TypeError) as error:
            remedy = "Delete it, to label and count again."
            raise OutputError("not a result of ours", file=file, remedy=remedy) from error

    def carry_out(self, cache: Path, *, device: str, watch: Watch) -> Result:
        """Train, label and count; continue a training that was interrupted.

        Raises:
            ImfuseError: A picture, a label or a folder can't be used, or the training fails.
        """
        folder = self.folder(cache)
        folder.mkdir(parents=True, exist_ok=True)
        steps, seconds = self._train(cache, folder / "run", device, watch)
        looks = self._label(cache, folder, device)
        content = {
            "of": self.identity,
            "steps": steps,
            "seconds": seconds,
            "pictures": [
                {"name": name, "light": look.light, "confusion": look.confusion.tolist()}
                for name, look in looks.items()
            ],
        }
        write_text(folder / _RESULT, json.dumps(content) + "\n")
        return Result(looks, steps, seconds)

    def _train(self, cache: Path, run: Path, device: str, watch: Watch) -> tuple[int, float]:
        """Train, unless that is done, and return the steps and seconds that it took."""
        if not (run / CARD).exists():
            part = self.direction.train
            pairs = part.write(cache)
            begun = run.exists() and ((run / STATE).exists() or is_unbegun(run))
            try:
                train(
                    self.trainee.recipe,
                    pairs,
                    run,
                    preset=self.trainee.preset,
                    settings={
                        **self.trainee.changes,
                        "seed": self.seed,
                        "on": self.shown.on(part, pairs, cache),
                    },
                    budget=self.trainee.budget,
                    layout="plain",
                    resume=begun,
                    device=device,
                    watch=watch,
                    export=False,
                )
            except TrainingInterrupted as error:
                raise TrainingInterrupted(
                    error.found, file=error.file, remedy="The same command continues."
                ) from error
        card = json.loads((run / CARD).read_bytes())
        return sum(stage["steps"] for stage in card["stages"]), card["seconds"]

    def _label(self, cache: Path, folder: Path, device: str) -> dict[str, Look]:
        """Label the test pictures, store the labels, and compare them with the true ones."""
        part, kind = self.direction.test, self.trainee.kind
        pairs = part.write(cache)
        settings = self.trainee.settings(on=self.shown.on(part, pairs, cache))
        source = kind.view(open_source(pairs, layout="plain"), settings)
        guide, where = self._trained(folder / "run" / WEIGHTS, settings, device)
        labels = folder / "labels"
        labels.mkdir(exist_ok=True)
        looks = {}
        for index, name in enumerate(source.names):
            sample = source.read(index)
            found = find_classes(guide, seen(guide, sample), where)
            write_labels(labels / f"{name}.png", found)
            if sample.labels is not None:
                table = confusion_matrix(sample.labels, found, settings.classes)
                # The last column holds what counts as no class, of which there is nothing here.
                light = light_of(name, source.pair(index))
                looks[name] = Look(np.pad(table, ((0, 0), (0, 1))), light)
        return looks

    def _trained(
        self, weights: Path, settings: SegmenterSettings, device: str
    ) -> tuple[Segmenter, torch.device]:
        gpu = device != "cpu" and torch.cuda.is_available()
        where = torch.device("cuda" if gpu else "cpu")
        network = {**settings.network, "classes": settings.classes}
        guide = create_guide(self.trainee.kind.network, **network)
        load_guide(guide, weights)
        return guide.to(where).eval(), where
