"""The comparison: its rows, its trainings, and what is in the cache already."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from imfuse.errors import OutputError, UsageError
from imfuse.io.locks import locked
from imfuse.learn.downstream.parts import Direction, open_directions
from imfuse.learn.downstream.pictures import (
    SENSORS,
    Finished,
    Fused,
    Shown,
    Unfused,
    refuse_twins,
)
from imfuse.learn.downstream.summary import RetrainSummary
from imfuse.learn.downstream.training import Job, Result, Trainee
from imfuse.learn.guides.table import GUIDES
from imfuse.learn.recipes.banet import BANetRecipe
from imfuse.learn.recipes.segmenter import SegmenterRecipe
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.table import find_recipe
from imfuse.learn.training.budget import parse_budget
from imfuse.learn.training.run import Watch
from imfuse.registry import DEFAULT_METHOD

PAIRS = "two-encoders"
"""The segmenter of unfused pairs."""
_EXCHANGES = ("none", "cmx")
_LOCK = ".imfuse-lock"
_MOST_SEEDS = 100
_SHARED = ("batch", "crop", "scale", "jitter", "classes", "held_out", "precision", "ema")
"""Settings that the segmenter of pairs gets from the other one, even where its own differ."""
_OWN = ("on", "weights", "network")
"""Settings that belong to one network."""


@dataclass(frozen=True)
class Plan:
    """A comparison that has been checked.

    Attributes:
        rows: Pictures and segmenter of each row.
        directions: What is trained on and what is tested on.
        seeds: Random seeds.
        classes: Names of the classes.
        notes: What a reader should know.
    """

    rows: Sequence[tuple[Shown, Trainee]]
    directions: Sequence[Direction]
    seeds: Sequence[int]
    classes: Sequence[str]
    notes: Sequence[str]

    def jobs(self) -> list[Job]:
        """Return all trainings, row after row."""
        return [
            Job(shown, trainee, direction, seed)
            for shown, trainee in self.rows
            for seed in self.seeds
            for direction in self.directions
        ]


def retrain(  # noqa: PLR0913 - as many as the command has
    segmenter: str,
    data: str | Path,
    cache: str | Path,
    *,
    models: Sequence[str] = (DEFAULT_METHOD,),
    fused: Sequence[tuple[str, Path]] = (),
    folds: Path | None = None,
    seeds: int = 1,
    budget: str | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    exchange: Sequence[str] = ("none",),
    base_rows: bool = True,
    layout: str | None = None,
    device: str = "auto",
    tell: Callable[[str], object] = lambda _: None,
    watch: Watch = lambda _: None,
) -> RetrainSummary:
    """Train a segmenter on each method's pictures, and test it on that method's pictures.

    Every row gets the same segmenter, settings, pairs and budget. Beside the methods, the base rows
    are each sensor alone, and two encoders on the unfused pair.

    Args:
        segmenter: Name of the segmenter, such as `banet-imagenet`.
        data: Folder of a dataset with labels, or `scenes:N`.
        cache: Folder in which trainings and results are kept; a repeated call continues there.
        models: Names or files of fusion methods.
        fused: Label and folder of finished pictures of all pairs.
        folds: JSON file `{"a": [names], "b": [names]}` of two folds, each of which tests what the
            other trained; None: train on the `train` split, test on the `test` split.
        seeds: Number of trainings with different seeds.
        budget: Length of each training, such as `1200it` or `15m`; None: the whole schedule.
        preset: Preset of the segmenter's settings.
        settings: Changes to them, by name. By default no pairs are held out.
        exchange: Kinds of two encoders: `none`, `cmx`, or both.
        base_rows: False leaves the base rows out, where they are known from an earlier run.
        layout: Name of the layout of the data, if it can't be recognised from the folder.
        device: `auto`, `cpu` or `gpu`.
        tell: Called with a line about what is done next.
        watch: Called after each step of a training.

    Raises:
        UsageError: An argument makes no sense, or the dataset lacks splits or labels.
        TrainingInterrupted: The process was asked to stop; the same call continues.
        ImfuseError: A pair, a picture or a method can't be used, or a training fails.

    Examples:
        >>> summary = retrain("banet", "scenes:20", "cache", models=["max"],
        ...                   budget="50it")  # doctest: +SKIP
    """
    if device not in ("auto", "cpu", "gpu"):
        raise UsageError(f"device {device!r}", expected="auto, cpu or gpu")
    directions, notes = open_directions(str(data), folds, layout)
    trainee, classes = _trainee(segmenter, preset, settings or {}, budget, directions)
    first = trainee.settings().seed
    sensors = SENSORS if base_rows else ()
    plan = Plan(
        rows=[
            *((shown, trainee) for shown in (*sensors, *_pictures(models, fused))),
            *(_of_pairs(trainee, exchange) if base_rows else ()),
        ],
        directions=directions,
        seeds=range(first, first + _checked_seeds(seeds)),
        classes=classes,
        notes=notes,
    )
    if not plan.rows:
        raise UsageError("no rows", expected="base rows, models or folders of fused pictures")
    refuse_twins([shown for shown, _ in plan.rows])
    for note in notes:
        tell(note)
    results = _carry_out(plan.jobs(), Path(cache), device, tell, watch)
    return _summary(plan, results, trainee)


def _carry_out(
    jobs: Sequence[Job],
    cache: Path,
    device: str,
    tell: Callable[[str], object],
    watch: Watch,
) -> dict[tuple[str, int, str], Result]:
    """Return the results of all trainings by `Job.place`, from the cache where they are there."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"the folder can't be made ({error.strerror})"
        raise OutputError(found, file=cache, remedy="Choose another one.") from error
    with locked(cache, _LOCK):
        stored = [job.stored(cache) for job in jobs]  # all pictures are looked for here
        done = sum(result is not None for result in stored)
        if done:
            tell(f"{done} of {len(jobs)} trainings are in {cache} already")
        results = {}
        for number, (job, result) in enumerate(zip(jobs, stored, strict=True), start=1):
            if result is None:
                tell(f"{number} of {len(jobs)}: {job.title}")
            results[job.place] = result or job.carry_out(cache, device=device, watch=watch)
        return results


def _pictures(models: Sequence[str], fused: Sequence[tuple[str, Path]]) -> list[Shown]:
    methods = [Fused.by(model) for model in dict.fromkeys(models)]
    return [*methods, *(Finished.of(label, folder) for label, folder in fused)]


def _trainee(
    segmenter: str,
    preset: str | None,
    settings: Mapping[str, Any],
    budget: str | None,
    directions: Sequence[Direction],
) -> tuple[Trainee, Sequence[str]]:
    """Return the segmenter of pictures, and the names of its classes."""
    kind = cast(type[SegmenterRecipe], find_recipe(segmenter, "segmenter"))
    if segmenter == PAIRS:
        raise UsageError(
            f"{PAIRS}, which always has a row", expected="a segmenter of pictures, such as banet"
        )
    if "on" in settings:
        raise UsageError("the setting on", expected="none: each row has its own pictures")
    names = directions[0].train.source.layout.classes
    changes = {"held_out": 0.0, **({"classes": len(names)} if names else {}), **settings}
    whole = Trainee(segmenter, preset, changes, "").settings()
    count = whole.classes
    if names and count != len(names):
        raise UsageError(f"classes={count}", expected=f"{len(names)}, as in the dataset")
    if budget is None:  # in steps, so that two encoders get as many
        pairs = len(directions[0].train.names)
        steps = sum(stage.steps for stage in kind(whole).stages(pairs))
        budget = f"{steps}it"
    trainee = Trainee(segmenter, preset, changes, parse_budget(budget).text)
    return trainee, names or tuple(map(str, range(count)))


def _of_pairs(trainee: Trainee, exchange: Sequence[str]) -> list[tuple[Shown, Trainee]]:
    """Return the rows of two encoders, trained like the segmenter of pictures."""
    wrong = [one for one in exchange if one not in _EXCHANGES]
    if wrong or not exchange:
        raise UsageError(f"exchange {', '.join(wrong)!r}", expected="none, cmx, or both")
    own = trainee.settings()
    kind = find_recipe(PAIRS, "segmenter")
    # A learning rate that was set for another optimiser would not suit BANet's.
    alike = issubclass(trainee.kind, BANetRecipe)
    known = kind.options.model_fields if alike else Settings.model_fields
    encoder = {**GUIDES[trainee.recipe][1], **own.network}.get("encoder", "resnet-18")
    changes = {
        **{name: getattr(own, name) for name in _SHARED},
        **{
            name: value
            for name, value in trainee.changes.items()
            if name.partition(".")[0] in known and name.partition(".")[0] not in _OWN
        },
    }
    preset = trainee.preset if trainee.preset in kind.presets else None
    rows: list[tuple[Shown, Trainee]] = []
    for one in dict.fromkeys(exchange):
        label = PAIRS if one == "none" else f"{PAIRS}-{one}"
        network = {
            "encoder": encoder,
            "pretrained": own.network.get("pretrained", True),
            "exchange": one,
        }
        own_changes = {**changes, "network": network}
        rows.append((Unfused(label, "pair"), Trainee(PAIRS, preset, own_changes, trainee.budget)))
    return rows


def _checked_seeds(count: int) -> int:
    if not 1 <= count <= _MOST_SEEDS:
        raise UsageError(f"{count} seeds", expected=f"1 to {_MOST_SEEDS}")
    return count


def _summary(
    plan: Plan, results: Mapping[tuple[str, int, str], Result], trainee: Trainee
) -> RetrainSummary:
    return RetrainSummary.of(
        {
            shown.label: {
                seed: {
                    (d.train.name, d.test.name): results[shown.label, seed, d.train.name]
                    for d in plan.directions
                }
                for seed in plan.seeds
            }
            for shown, _ in plan.rows
        },
        classes=plan.classes,
        about={
            "segmenter": trainee.recipe,
            "preset": trainee.preset or "paper",
            "budget": trainee.budget,
            "trained and tested on": "; ".join(
                f"{d.train.name} ({len(d.train.names)} pairs) and {d.test.name} "
                f"({len(d.test.names)})"
                for d in plan.directions
            ),
        },
        notes=plan.notes,
    )
