"""Networks from settings that come as plain values, each checked against the constructor."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from imfuse.errors import UnknownName, UsageError

_Built = TypeVar("_Built")


def build(kind: type[_Built], name: str, settings: Mapping[str, Any]) -> _Built:
    """Return an object made from settings.

    Args:
        kind: Its class, whose constructor takes keywords alone, with types.
        name: What messages call it.
        settings: Arguments of the constructor.

    Raises:
        UnknownName: It has no such setting; the message holds the closest ones.
        UsageError: A setting is of another type, or none of the values that it may have.
    """
    known = get_type_hints(kind.__init__)
    known.pop("return", None)
    for setting, value in settings.items():
        if setting not in known:
            if not known:
                raise UsageError(f"{name} has no setting {setting!r}", expected="none")
            raise UnknownName(f"setting of {name}", setting, known)
        try:
            TypeAdapter(known[setting]).validate_python(value, strict=True)
        except ValidationError as error:
            expected = error.errors()[0]["msg"].removeprefix("Input should be ")
            found = f"{setting}={value!r} for {name}"
            raise UsageError(found, expected=expected) from error
    return kind(**settings)
