"""Facts that files state about a camera: its name, and when it took the picture."""

import re

from imfuse.io.formats import exif

_MAKE, _MODEL, _CHANGED = 271, 272, 306
_EXIF, _TAKEN = 34665, 36867


def camera_of(block: bytes | None) -> str:
    """Return the make and the model in an EXIF block, as one text; empty if it has none."""
    tags = _tags(block)
    make, model = (text_of(tags.get(tag, "")) for tag in (_MAKE, _MODEL))
    return model if model.startswith(make) else f"{make} {model}".strip()


def time_of(block: bytes | None) -> str:
    """Return when a picture was taken by its EXIF block, as `2024-05-31 14:08:59`; or empty."""
    tags = _tags(block)
    inner = tags.get(_EXIF)
    taken = inner.get(_TAKEN) if isinstance(inner, dict) else None
    text = text_of(taken or tags.get(_CHANGED, ""))
    found = re.fullmatch(r"(\d{4})[:-](\d\d)[:-](\d\d) (\d\d:\d\d:\d\d)", text)
    return f"{found[1]}-{found[2]}-{found[3]} {found[4]}" if found else ""


def text_of(value: object) -> str:
    """Return a text from a file up to its first null byte, on one line, without odd characters."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    text = text.partition("\0")[0][:200]
    return " ".join("".join(one if one.isprintable() else " " for one in text).split()).strip("* ")


def _tags(block: bytes | None) -> dict[int, object]:
    tidy = None if block is None else exif.tidy(block)
    if tidy is None or tidy.block is None:
        return {}
    found = exif.directory(tidy.block, None)
    tags: dict[int, object] = {tag: found[tag] for tag in (_MAKE, _MODEL, _CHANGED) if tag in found}
    if _EXIF in found:
        tags[_EXIF] = found.get_ifd(_EXIF) or found[_EXIF]
    return tags
