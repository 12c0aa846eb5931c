"""Self-contained HTML pages: no network, pictures inside."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True)
class Row:
    """One scene of a page: its title, and labelled pictures as encoded bytes (PNG, JPEG, WebP)."""

    title: str
    pictures: Sequence[tuple[str, bytes]]


_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}

_LOADER = PackageLoader("imfuse.report", "templates")
_TEMPLATES = Environment(
    loader=_LOADER,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, *, style: str = "", script: str = "", **values: object) -> str:
    """Return a page made from one of our templates.

    Args:
        template: Name of the template; it extends `base.html.j2`.
        style: Name of a style sheet that is added to the one of all pages.
        script: Name of the page's script; the browser is told to run no other.
        values: What the template names; text is escaped.
    """
    code = _text_of(script) if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return _TEMPLATES.get_template(template).render(
        # Style sheets and scripts are ours and are not HTML, hence not escaped.
        style=Markup(_text_of("style.css") + (_text_of(style) if style else "")),  # noqa: S704
        script=Markup(code),  # noqa: S704
        allowed_script=f"'sha256-{digest}'" if script else "'none'",
        **values,
    )


def _text_of(name: str) -> str:
    return _LOADER.get_source(_TEMPLATES, name)[0]


def picture_url(content: bytes) -> str:
    """Return encoded PNG, JPEG or WebP bytes as the address of a picture that holds them."""
    kind = next(mime for magic, mime in _MAGIC.items() if content.startswith(magic))
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def side_by_side(title: str, lead: str, rows: Sequence[Row]) -> str:
    """Return a page that shows pictures of each scene next to one another.

    Args:
        title: Heading of the page, plain text.
        lead: A sentence below it, plain text.
        rows: The scenes, in order.
    """
    scenes = [
        (row.title, [(label, picture_url(content)) for label, content in row.pictures])
        for row in rows
    ]
    return render("side_by_side.html.j2", title=title, lead=lead, scenes=scenes)
