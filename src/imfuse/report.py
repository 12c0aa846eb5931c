"""Self-contained HTML pages: no network, pictures inside."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template


@dataclass(frozen=True)
class Row:
    """One scene of a page: its title, and labelled pictures as encoded bytes (PNG, JPEG, WebP)."""

    title: str
    pictures: Sequence[tuple[str, bytes]]


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 120rem; padding: 0 1rem; }
  h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
  h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
  .row { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
  figure { margin: 0; break-inside: avoid; }
  img { display: block; width: 100%; height: auto; border-radius: 4px; }
  figcaption { font-size: .875rem; opacity: .75; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$lead</p>
$rows
</body>
</html>
""")  # noqa: E501 - style rules read best one a line

_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


def side_by_side(title: str, lead: str, rows: Sequence[Row]) -> str:
    """Return a page that shows pictures of each scene next to one another.

    Args:
        title: Heading of the page, plain text.
        lead: A sentence below it, plain text.
        rows: The scenes, in order.
    """
    body = "\n".join(
        f'<section><h2>{html.escape(row.title)}</h2><div class="row">'
        + "".join(_figure(label, content) for label, content in row.pictures)
        + "</div></section>"
        for row in rows
    )
    return _PAGE.substitute(title=html.escape(title), lead=html.escape(lead), rows=body)


def _figure(label: str, content: bytes) -> str:
    kind = next(mime for magic, mime in _MAGIC.items() if content.startswith(magic))
    data = base64.b64encode(content).decode()
    text = html.escape(label)
    return (
        f'<figure><img alt="{text}" src="data:{kind};base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )
