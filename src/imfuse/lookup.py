"""How every table of names is read: methods, networks, recipes, metrics, layouts, conventions."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar

from imfuse.errors import UnknownName

_T = TypeVar("_T")


def look_up(kind: str, name: str, table: Mapping[str, _T]) -> _T:
    """Return what stands behind a name.

    Args:
        kind: What the names are of, such as "method", for the message.
        name: The name.
        table: All names there are.

    Raises:
        UnknownName: The table has no such name; the message holds the closest ones.
    """
    if name not in table:
        raise UnknownName(kind, name[:80], table)
    return table[name]


def import_target(target: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """Import what `module:attribute` names, as in the values of literal tables and entry points.

    Raises:
        ImportError: There is no such module.
        AttributeError: The module has no such attribute.
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
