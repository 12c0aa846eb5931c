"""What is to be trained: put together from the command line and files, stored, and compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from imfuse import __version__
from imfuse.errors import UnknownName, UsageError
from imfuse.learn.data.sources import Source
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
    """

    recipe: str
    data: Sequence[str]
    preset: str = "paper"
    settings: Sequence[Mapping[str, Any]] = ()
    budget: str | None = None
    layout: str | None = None
    stride: int = 1
    device: str = "auto"


_OF_A_RUN = ("settings", "steps", "pairs", "pairs_sha256", "precision", "imfuse")
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
        UsageError: There is no recipe, or no data.
        UnknownName: A whole configuration has an unknown key.
    """
    stored: Mapping[str, Any] = {}
    if "settings" in file:
        known = {one.name for one in fields(Order)} | set(_OF_A_RUN)
        for key in file:
            if key not in known:
                raise UnknownName("key of a configuration", key, known)
        stored, file = file, file["settings"] or {}
    merged = {name: stored.get(name) for name in given}
    merged |= {name: value for name, value in given.items() if value is not None}
    if merged["recipe"] is None:
        raise UsageError("no recipe", expected=f"one of {', '.join(RECIPES)}")
    if not merged["data"]:
        raise UsageError("no pairs to train on", expected="--data DIR, or --data scenes:200")
    filled = {name: value for name, value in merged.items() if value is not None}
    return Order(**filled, settings=[file, changes], device=device)


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
        order: What is asked for now.
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
    unlike = [name for name, value in asked.items() if begun.get(name) != value]
    if unlike:
        raise UsageError(
            f"{', '.join(unlike)}: not what the training began with",
            file=folder,
            remedy="Go on with --resume and -o alone, or start a new training elsewhere.",
        )
