"""The history of a fused picture inside its XMP packet, where other programs show it too."""

import json
import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any

_EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>'
    b'</x:xmpmeta><?xpacket end="w"?>'
)
"""A packet without any properties; the identifier is the same in all XMP (ISO 16684-1, 7.3.2)."""

_END = b"</rdf:RDF>"
_BEFORE = b'<rdf:Description rdf:about="" xmlns:imfuse="urn:imfuse:1"><imfuse:History>'
_AFTER = b"</imfuse:History></rdf:Description>"
_OURS = re.compile(re.escape(_BEFORE) + b"([^<]*)" + re.escape(_AFTER))


def with_history(packet: bytes | None, history: Mapping[str, Any]) -> bytes:
    """Return an XMP packet that holds a history, in place of an earlier one.

    Args:
        packet: Packet of the source; None: a new one.
        history: See `FusedImage.history`; plain values.

    Returns:
        The packet; as it was, if it is not XMP in UTF-8.
    """
    packet = packet or _EMPTY
    start, found, end = _OURS.sub(b"", packet).rpartition(_END)
    if not found:
        return packet
    text = json.dumps(history, ensure_ascii=False, separators=(",", ":"))
    return b"".join((start, _BEFORE, escape(text).encode(errors="replace"), _AFTER, found, end))


def history_in(packet: bytes | None) -> dict[str, Any] | None:
    """Return the history in an XMP packet; None where there is none, or a damaged one."""
    found = _OURS.search(packet or b"")
    if found is None:
        return None
    try:
        history = json.loads(unescape(found[1].decode()))
    except (ValueError, RecursionError):
        return None
    return history if isinstance(history, dict) else None
