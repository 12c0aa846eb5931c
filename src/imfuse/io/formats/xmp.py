"""XMP packets: how large they may be, and what changes when a picture is turned upright."""

import re

LONGEST = 1_000_000
"""Bytes of the largest packet that is carried on."""


def tidy(packet: bytes) -> bytes:
    """Return a packet whose orientation is 1, since the pixels are upright already."""
    mark = rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))[2-8]"
    return re.sub(mark, rb"\g<1>1", packet.rstrip(b"\0"))
