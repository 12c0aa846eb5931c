"""Build networks from plain settings, each checked against the constructor."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from imfuse.errors import UnknownName, UsageError

_Built = TypeVar("_Built")


def build(kind: type[_Built], name: str, settings: Mapping[str, Any]) -> _Built:
    """Return an object made from settings.

    Args:
        kind: Class of the object. Its constructor takes only keywords, with type annotations.
        name: Name of the object in error messages.
        settings: Arguments of the constructor.

    Raises:
        UnknownName: It has no such setting; the message holds the closest ones.
        UsageError: A setting has the wrong type, or a value that is not allowed.
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
