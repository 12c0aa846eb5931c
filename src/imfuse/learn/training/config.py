"""The configuration of a run: assembled from files and options, stored, and compared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from imfuse.errors import UnknownName, UsageError
from imfuse.io.atomic import write_atomically
from imfuse.io.yaml_file import read_yaml
from imfuse.learn.recipes.recipe import Recipe
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.table import Kind, find_recipe, names_of
from imfuse.learn.training.settings import make_settings, shown

FREE = ("workers", "checkpoint_every", "preview_every")
"""Settings that don't affect the weights: a run may be resumed with other values."""


Word = Annotated[str, Field(max_length=80)]
"""A name, or another short text."""

Place = Annotated[str, Field(max_length=1000)]
"""A path short enough for messages."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class RunConfig(BaseModel):
    """Everything that defines a run, as stored in `config.yaml`.

    A new configuration says what to train; `prepare` then fills in `steps` and the fields after it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    recipe: Word
    """Name of the recipe, or of the segmenter."""
    preset: Word = "paper"
    """Name of the preset that the settings are based on."""
    data: Annotated[tuple[Place, ...], BeforeValidator(_listed), Field(min_length=1)]
    """Folders of pairs, `scenes`, or `scenes:N`."""
    folder: Place | None = None
    """Folder that relative paths, in `data` and in the settings, start from; None: the current
    folder, as in runs of older versions."""
    layout: Word | None = None
    """Name of the layout of the data, if it can't be recognised from the folders."""
    stride: PositiveInt = 1
    """Take every N-th frame of video."""
    budget: Word | None = None
    """Length such as `30m`, `2h` or `5000it`; None: the paper's schedule."""
    steps: tuple[Annotated[int, Field(ge=1, le=10**12)], ...] | None = None
    """Steps of each stage; None: from the budget."""
    pairs: int | None = None
    """Number of training pairs."""
    pairs_sha256: str | None = None
    """SHA-256 of the names of the training pairs."""
    precision: str | None = None
    """Precision of the networks."""
    imfuse: str | None = None
    """Version of imfuse that started the run."""
    settings: dict[str, Any] = {}
    """All settings of the recipe."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return a configuration made from plain values.

        Raises:
            UsageError: A value has the wrong type.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"][:1]) or "configuration"
            expected = first["msg"].removeprefix("Input should be ")
            raise UsageError(f"{name}: {shown(first['input'])}", expected=expected) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the configuration in a file, of this or an older version.

        Raises:
            UsageError: The file can't be read, or is not a configuration.
        """
        try:
            return cls.of(read_yaml(path))
        except UsageError as error:
            if error.file is not None:
                raise
            raise UsageError(error.found, file=path, expected=error.expected) from error

    def write(self, path: Path) -> None:
        """Write the configuration as YAML.

        Raises:
            OutputError: The file can't be written.
        """
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
        write_atomically(path, [text.encode()])

    def find(self, path: Path) -> Path:
        """Resolve a path of the configuration, wherever the configuration is read from."""
        there = path if self.folder is None else Path(self.folder) / path
        elsewhere = self.folder is not None and self.folder != str(Path.cwd())
        return there if elsewhere and there.exists() else path

    @property
    def places(self) -> list[str]:
        """The data, as paths that are valid from the current folder."""
        return [one if is_rendered(one) else str(self.find(Path(one))) for one in self.data]

    def chosen(self, kind: type[Recipe], changes: Mapping[str, Any] | None = None) -> Settings:
        """Return the settings, with paths that are valid from the current folder.

        Raises:
            UnknownName: There is no such setting.
            UsageError: A value makes no sense.
        """
        settings = make_settings(kind, self.settings, changes or {})
        return kind.located(settings, self.find)


def is_rendered(data: str) -> bool:
    """Return True if data are rendered scenes instead of a folder."""
    return data.partition(":")[0] == "scenes"


def make_config(
    file: Mapping[str, Any],
    given: Mapping[str, Any],
    changes: Mapping[str, Any],
    kind: Kind | None = None,
) -> RunConfig:
    """Assemble a configuration from a file of settings and from options.

    Args:
        file: Settings of a recipe, or a run's whole configuration, which has them under `settings`.
        given: Fields of the configuration, which override the file; None for those not given.
        changes: Settings that override those of the file.
        kind: The kind of recipe that is allowed.

    Raises:
        UsageError: Recipe or data are missing; a value has the wrong type; or a preset is given
            that differs from the configuration's, whose settings would override it.
        UnknownName: There is no such recipe, preset, setting, or key of a configuration.
    """
    stored: Mapping[str, Any] = {}
    if {"settings", "recipe", "data"} & set(file):
        for key in file:
            if key not in RunConfig.model_fields:
                raise UnknownName("key of a configuration", key[:100], RunConfig.model_fields)
        stored, file = file, file.get("settings") or {}
        preset, before = given.get("preset"), stored.get("preset")
        if before is not None and preset not in (None, before):
            raise UsageError(
                f"preset {preset} for a configuration of the preset {str(before)[:100]}, whose "
                "settings override it",
                remedy="Leave out the preset, or the configuration.",
            )
    merged = {name: stored.get(name) for name in given}
    merged |= {name: value for name, value in given.items() if value is not None}
    if merged["recipe"] is None:
        raise UsageError(f"no {kind or 'recipe'}", expected=f"one of {', '.join(names_of(kind))}")
    if not merged["data"]:
        raise UsageError("no pairs to train on", expected="--data DIR or --data scenes:200 (data=)")
    # This repeats the same run, unless something is changed.
    if set(changes) <= set(FREE) and all(given[name] in (None, stored.get(name)) for name in given):
        merged["steps"] = stored.get("steps")
    asked = RunConfig.of({name: value for name, value in merged.items() if value is not None})
    recipe = find_recipe(asked.recipe, kind)
    settings = make_settings(recipe, file, preset=asked.preset)
    data = asked.data
    if stored.get("folder") is not None:
        began = RunConfig.of({"recipe": asked.recipe, "data": data, "folder": stored["folder"]})
        settings = recipe.located(settings, began.find)
        data = data if given.get("data") else tuple(began.places)
    settings = make_settings(recipe, settings.model_dump(mode="json"), changes)
    return asked.model_copy(
        update={
            "data": data,
            "folder": str(Path.cwd()),
            "settings": settings.model_dump(mode="json"),
        }
    )


def check_same(asked: RunConfig, begun: RunConfig, kind: type[Recipe], folder: Path) -> None:
    """Refuse to resume a run with another configuration than it was started with.

    Args:
        asked: The requested configuration; settings that don't affect the weights may differ.
        begun: The configuration of the run.
        kind: The recipe.
        folder: The run's folder, for the message.

    Raises:
        UsageError: The configurations differ.
    """
    wanted, there = (_compared(one, kind) for one in (asked, begun))
    unlike = [key for key, value in wanted.items() if there[key] != value]
    if unlike:
        raise UsageError(
            f"{', '.join(unlike)}: not what the training began with",
            file=folder,
            remedy="Resume with --resume and -o alone (resume=True, with out= and the rest as "
            f"before), or start a new training elsewhere. Only {', '.join(FREE)} may change.",
        )


def _compared(config: RunConfig, kind: type[Recipe]) -> dict[str, Any]:
    def absolute(one: str) -> str:
        return one if is_rendered(one) else str(Path(one).resolve())

    settings = kind.located(
        make_settings(kind, config.settings), lambda path: config.find(path).resolve()
    )
    return {
        "recipe": config.recipe,
        "data": [absolute(one) for one in config.places],
        "budget": config.budget,
        "layout": config.layout,
        "stride": config.stride,
        **{k: v for k, v in settings.model_dump(mode="json").items() if k not in FREE},
    }
