"""What is to be trained: put together from the command line and files, stored, and compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from imfuse import __version__
from imfuse.data.sources import Source
from imfuse.errors import UnknownName, UsageError
from imfuse.learn.recipes.table import RECIPES
from imfuse.learn.trainer.recipe import Recipe, Settings
from imfuse.learn.trainer.settings import make_settings

Find: TypeAlias = Callable[[str], type[Recipe]]
"""From the name of a recipe to the recipe."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained, on what, and for how long.

    Attributes:
        recipe: Name of the recipe.
        data: Folders of pairs, `scenes`, or `scenes:N`.
        preset: Which values of the recipe: `paper`, or another of its presets.
        settings: Changes to them, later ones over earlier ones.
        budget: Such as `30m`, `2h` or `5000it`; None: the paper's schedule.
        layout: Name of the data's layout, where folders don't show it.
        stride: Take every so many frames of video.
        device: `auto`, `cpu`, `gpu`, or a number of GPUs.
        steps: Steps of each stage, of a run that is to be repeated, in place of a budget in time,
            which would make other ones.
    """

    recipe: str
    data: Sequence[str]
    preset: str = "paper"
    settings: Sequence[Mapping[str, Any]] = ()
    budget: str | None = None
    layout: str | None = None
    stride: int = 1
    device: str = "auto"
    steps: Sequence[int] | None = None


FREE = ("workers", "checkpoint_every", "preview_every")
"""Settings that change no weights: a training may go on with others."""

_OF_A_RUN = ("settings", "pairs", "pairs_sha256", "precision", "imfuse")
"""Keys of a run's `config.yaml` besides those of the order."""


def make_order(
    file: Mapping[str, Any],
    given: Mapping[str, Any],
    changes: Mapping[str, Any],
    device: str = "auto",
) -> Order:
    """Put an order together from a file of settings and what was given besides.

    Args:
        file: Settings of a recipe, or a run's whole configuration, which has them under `settings`.
        given: Fields of the order that were given, or None; they count before those of the file.
        changes: Settings that count before those of the file.
        device: See `Order`.

    Raises:
        UsageError: There is no recipe, or no data; a value is of another type than it has to be;
            or another preset is given than a configuration has, which leaves it nothing to say.
        UnknownName: A whole configuration has an unknown key.
    """
    stored: Mapping[str, Any] = {}
    if {"settings", "recipe", "data"} & set(file):
        known = {one.name for one in fields(Order)} | set(_OF_A_RUN)
        for key in file:
            if key not in known:
                raise UnknownName("key of a configuration", key, known)
        stored, file = file, file.get("settings") or {}
        preset, before = given.get("preset"), stored.get("preset")
        if before is not None and preset not in (None, before):
            raise UsageError(
                f"preset {preset} for a configuration of the preset {before}, whose settings count "
                "before it",
                remedy="Leave the preset out, or the configuration.",
            )
    merged = {name: stored.get(name) for name in given}
    merged |= {name: value for name, value in given.items() if value is not None}
    if merged["recipe"] is None:
        raise UsageError("no recipe", expected=f"one of {', '.join(RECIPES)}")
    if not merged["data"]:
        raise UsageError("no pairs to train on", expected="--data DIR, or --data scenes:200")
    if isinstance(merged["data"], str):
        merged["data"] = [merged["data"]]
    # The same run once more, unless anything is to be different.
    if set(changes) <= set(FREE) and all(given[name] in (None, stored.get(name)) for name in given):
        merged["steps"] = stored.get("steps")
    filled = {name: value for name, value in merged.items() if value is not None}
    return _checked({**filled, "settings": [file, changes], "device": device})


def _checked(values: Mapping[str, Any]) -> Order:
    """Return an order of values that may be of any type."""
    try:
        return TypeAdapter(Order).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0]
        expected = first["msg"].removeprefix("Input should be ")
        raise UsageError(f"{name}: {first['input']!r}", expected=expected) from error


def stored_order(config: Mapping[str, Any], device: str) -> Order:
    """Return the order of a run's configuration, but for its budget, which made its steps.

    Args:
        config: The configuration.
        device: See `Order`; a training may go on elsewhere.
    """
    return Order(
        recipe=config["recipe"],
        data=config["data"],
        preset=config["preset"],
        settings=[config["settings"]],
        layout=config["layout"],
        stride=config["stride"],
        device=device,
    )


def make_config(
    order: Order, settings: Settings, source: Source, steps: tuple[int, ...], precision: str
) -> dict[str, Any]:
    """Return all that a run is made from, as plain values: its `config.yaml`.

    Args:
        order: What was asked for.
        settings: All settings.
        source: What is trained on.
        steps: Steps of each stage.
        precision: How networks compute.
    """
    return {
        "recipe": order.recipe,
        "preset": order.preset,
        "data": [str(one) for one in order.data],
        "layout": order.layout,
        "stride": order.stride,
        "budget": order.budget,
        "steps": list(steps),
        "pairs": len(source),
        "pairs_sha256": source.fingerprint,
        "precision": precision,
        "imfuse": __version__,
        "settings": settings.model_dump(mode="json"),
    }


def check_same(order: Order, config: Mapping[str, Any], folder: Path, find: Find) -> None:
    """Refuse to go on with something else than what was begun.

    Args:
        order: What is asked for now; settings that change no weights may be others.
        config: What was begun.
        folder: The run's folder, for the message.
        find: Where recipes are looked up.

    Raises:
        UsageError: They differ.
    """
    kind = find(order.recipe)
    settings = make_settings(kind, *order.settings, preset=order.preset)
    asked = {
        "recipe": order.recipe,
        "data": [str(one) for one in order.data],
        "budget": order.budget,
        "layout": order.layout,
        "stride": order.stride,
        **settings.model_dump(mode="json"),
    }
    begun = {**config, **config["settings"]}
    unlike = [k for k, value in asked.items() if k not in FREE and begun.get(k) != value]
    if unlike:
        raise UsageError(
            f"{', '.join(unlike)}: not what the training began with",
            file=folder,
            remedy="Go on with --resume and -o alone, or start a new training elsewhere. Only "
            f"{', '.join(FREE)} may change.",
        )
