"""Settings from presets, files and the command line, put together and checked."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from imfuse.errors import UnknownName, UsageError
from imfuse.learn.trainer.recipe import Recipe, Settings

Values = Mapping[str, Any]


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a YAML file.

    Raises:
        UsageError: It can't be read, or holds something else than names and values.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "Check the path."
        raise UsageError(f"can't read it ({error.strerror})", file=path, remedy=remedy) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"no YAML file ({str(error).splitlines()[0]})", file=path) from error
    content = {} if content is None else content
    if not isinstance(content, dict) or not _named(content):
        raise UsageError("no names and values", file=path, expected="lines such as `batch: 4`")
    return content


def _named(content: Mapping[object, object]) -> bool:
    """Return whether all keys are names, in sections too, and settings are a section."""
    sections = [value for value in content.values() if isinstance(value, Mapping)]
    known = content.get("settings") is None or isinstance(content["settings"], Mapping)
    names = all(isinstance(key, str) for key in content)
    return known and names and all(_named(section) for section in sections)


def make_settings(recipe: type[Recipe], *layers: Values, preset: str | None = None) -> Settings:
    """Return the settings of a recipe: its defaults, changed by a preset, then by each layer.

    Args:
        recipe: The recipe.
        layers: Settings by name; those of a section under its name, as a mapping or with dots
            (`segmentation.steps`).
        preset: One of the recipe's `presets`, or `paper` for its defaults.

    Raises:
        UnknownName: A recipe has no such setting or preset; names the closest.
        UsageError: A value is of another type, or out of its range.
    """
    presets = {"paper": {}, **recipe.presets}
    if preset is not None and preset not in presets:
        raise UnknownName(f"preset of {recipe.name}", preset, presets)
    merged: dict[str, Any] = {}
    for layer in (presets[preset or "paper"], *layers):
        for name, value in layer.items():
            _put(merged, recipe, name.split("."), value)
    try:
        return recipe.options.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
        message = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        if first["type"] == "dict_type":
            message = f"names and values: {where}.NAME=VALUE"
        found = f"{where or 'settings'}={first['input']!r} for {recipe.name}"
        raise UsageError(found, expected=message) from error


def explained(settings: BaseModel, indent: str = "") -> Iterator[str]:
    """Yield lines of YAML with all settings and what they mean.

    Args:
        settings: The settings.
        indent: What lines begin with.
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
    """Return what a setting means; one that only has another default means what it did."""
    for kind in options.__mro__:
        fields = kind.model_fields if issubclass(kind, BaseModel) else {}
        if name in fields and fields[name].description:
            return " ".join((fields[name].description or "").split())
    return ""


def _put(into: dict[str, Any], recipe: type[Recipe], path: list[str], value: object) -> None:
    """Put a value in its place, checking every name on the way."""
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
                raise UnknownName(f"setting of {recipe.name}", ".".join([*path, name]), names)
            inner[name] = one
    else:
        into[path[-1]] = value


def _section(options: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Return the type of a section, or None for a single value or a free mapping."""
    kind = options.model_fields[name].annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
