"""Look-up in every table of names: methods, networks, recipes, metrics, layouts, conventions."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar

from imfuse.errors import UnknownName

_T = TypeVar("_T")


def look_up(kind: str, name: str, table: Mapping[str, _T]) -> _T:
    """Return the entry of a table with this name.

    Args:
        kind: Kind of thing that the table lists, such as "method", for the message.
        name: The name.
        table: All entries by name.

    Raises:
        UnknownName: The table has no such name; the message suggests the closest ones.
    """
    if name not in table:
        raise UnknownName(kind, name[:80], table)
    return table[name]


def import_target(target: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """Import the object that `module:attribute` names, as tables and entry points write it.

    Raises:
        ImportError: There is no such module.
        AttributeError: The module has no such attribute.
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
