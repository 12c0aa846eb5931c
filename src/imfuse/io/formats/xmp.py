"""XMP packets: their largest size, and their orientation once a picture is upright."""

import re

LONGEST = 1_000_000
"""Largest packet that is kept, in bytes."""


def tidy(packet: bytes) -> bytes:
    """Return a packet whose orientation is 1, since the pixels are upright already."""
    mark = rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))[2-8]"
    return re.sub(mark, rb"\g<1>1", packet.rstrip(b"\0"))
