"""PNG files put together by hand, to be wrong in one chosen way."""

import struct
import zlib


def png_chunk(kind, content):
    head = struct.pack(">I", len(content)) + kind + content
    return head + struct.pack(">I", zlib.crc32(kind + content))


def png_head(width, height, depth=8, colour=2):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
