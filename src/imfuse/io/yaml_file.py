"""YAML files of names and values, read with limits on size, depth and time.

They need PyYAML, which comes with the extras `learn` and `judge`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imfuse.errors import ImfuseError, UsageError

_MOST_BYTES = 1 << 16
_DEEPEST = 16


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the names and values in a YAML file.

    Raises:
        UsageError: The file can't be read, is larger than 64 kB, is not YAML, nests deeper than
            16 levels, uses aliases, or holds anything but names and values.
        ImfuseError: PyYAML is not installed.
    """
    values = load_yaml(path)
    if not isinstance(values, dict) or not _named(values):
        raise UsageError("no names and values", file=path, expected="lines such as `batch: 4`")
    return values


def load_yaml(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a YAML file holds; an empty one holds an empty dictionary.

    Raises:
        UsageError: The file can't be read, is larger than 64 kB, is not YAML, nests deeper than
            16 levels, or uses aliases.
        ImfuseError: PyYAML is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImfuseError(
            "reading YAML needs PyYAML, which is not installed",
            file=path,
            remedy="Install it with: pip install 'imfuse[judge]'",
        ) from error

    class PlainLoader(yaml.SafeLoader):  # type: ignore[misc]
        """A safe loader of limited depth, without aliases: they can turn few bytes into many."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - PyYAML is untyped
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*NAME) are not taken; write the values out")
            if self.depth == _DEEPEST:
                raise yaml.YAMLError(f"nested deeper than {_DEEPEST} levels")
            self.depth += 1
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        found = f"can't read it ({getattr(error, 'strerror', None) or error})"
        raise UsageError(found, file=path, remedy="Check the path.") from error
    if len(content) > _MOST_BYTES:
        raise UsageError("too large for a configuration", file=path, expected="at most 64 kB")
    try:
        values = yaml.load(content.decode("utf-8"), PlainLoader)  # noqa: S506 - a SafeLoader
    # Numbers and dates that can't exist are ValueErrors.
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0][:160]
        raise UsageError(f"not a YAML file that imfuse takes ({reason})", file=path) from error
    return {} if values is None else values


def _named(content: Mapping[object, object]) -> bool:
    """Return True if all keys are names, also in sections, and `settings` is a section."""
    sections = [value for value in content.values() if isinstance(value, Mapping)]
    known = content.get("settings") is None or isinstance(content["settings"], Mapping)
    names = all(isinstance(key, str) for key in content)
    return known and names and all(_named(section) for section in sections)
