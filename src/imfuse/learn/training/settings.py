"""Merge and check settings from presets, files and the command line, and explain them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from imfuse.errors import UnknownName, UsageError
from imfuse.learn.recipes.recipe import Recipe
from imfuse.learn.recipes.settings import Settings

Values = Mapping[str, Any]

_SHOWN = 120
"""Largest number of characters of a value or a name that a message shows."""


def shown(value: object) -> str:
    """Return a value as text for messages, shortened if necessary."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} that is nested too deeply to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def make_settings(recipe: type[Recipe], *layers: Values, preset: str | None = None) -> Settings:
    """Return the settings of a recipe: its defaults, changed by a preset, then by each layer.

    Args:
        recipe: The recipe.
        layers: Settings by name; those of a section under its name, as a mapping or with dots
            (`segmentation.steps`).
        preset: One of the recipe's `presets`, or `paper` for its defaults.

    Raises:
        UnknownName: The recipe has no such setting or preset; the message has the closest one.
        UsageError: A value has another type, or is out of its range.
    """
    presets = {"paper": {}, **recipe.presets}
    if preset is not None and preset not in presets:
        raise UnknownName(f"preset of {recipe.name}", preset, presets)
    merged: dict[str, Any] = {}
    for layer in (presets[preset or "paper"], *layers):
        for name, value in layer.items():
            _put(merged, recipe, name[:_SHOWN].split("."), value)
    try:
        return recipe.options.model_validate(merged)
    except RecursionError as error:
        raise UsageError(f"settings of {recipe.name} that nest too deep") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
        message = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        if first["type"] == "dict_type":
            message = f"names and values: {where}.NAME=VALUE"
        found = f"{where or 'settings'}={shown(first['input'])} for {recipe.name}"
        raise UsageError(found, expected=message) from error


def explained(settings: BaseModel, indent: str = "") -> Iterator[str]:
    """Yield lines of YAML with all settings and their meanings.

    Args:
        settings: The settings.
        indent: Spaces before each line.
    """
    plain = settings.model_dump(mode="json")
    for name in type(settings).model_fields:
        meaning = _meaning(type(settings), name)
        comment = f"  # {meaning}" if meaning else ""
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:{comment}"
            yield from explained(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {json.dumps(plain[name])}{comment}"


def _meaning(options: type[BaseModel], name: str) -> str:
    """Return the help of a setting, from a base class if only the default differs."""
    for kind in options.__mro__:
        fields = kind.model_fields if issubclass(kind, BaseModel) else {}
        if name in fields and fields[name].description:
            return " ".join((fields[name].description or "").split())
    return ""


def _put(into: dict[str, Any], recipe: type[Recipe], path: list[str], value: object) -> None:
    """Put a value in its place, and check every name along the path."""
    options: type[BaseModel] | None = recipe.options
    for depth, name in enumerate(path):
        section = ".".join(path[:depth])
        if options is not None and name not in options.model_fields:
            names = [f"{section}.{one}" if section else one for one in options.model_fields]
            raise UnknownName(f"setting of {recipe.name}", ".".join(path), names)
        options = None if options is None else _section(options, name)
        if depth < len(path) - 1:
            inner = into.get(name)
            into[name] = inner = dict(inner) if isinstance(inner, dict) else {}
            into = inner
    if isinstance(value, Mapping):
        inner = into.get(path[-1])
        into[path[-1]] = inner = dict(inner) if isinstance(inner, dict) else {}
        for name, one in value.items():
            if options is not None and name not in options.model_fields:
                names = [".".join([*path, one]) for one in options.model_fields]
                raise UnknownName(
                    f"setting of {recipe.name}", ".".join([*path, name[:_SHOWN]]), names
                )
            inner[name] = one
    else:
        into[path[-1]] = value


def _section(options: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Return the type of a section, or None for a single value or a free mapping."""
    kind = options.model_fields[name].annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
