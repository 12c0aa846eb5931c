"""Made-up files of thermal cameras: FFF containers, radiometric JPEGs, IRG files."""

import io
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RAW, VISIBLE, CAMERA, PLACEMENT = 0x01, 0x0E, 0x20, 0x2A

PLANCK = {"r1": 15000.0, "b": 1400.0, "f": 1.0, "o": -6000, "r2": 0.0115}
AIR = {"alpha1": 0.006569, "alpha2": 0.01262, "beta1": -0.002276, "beta2": -0.00667, "x": 1.9}
CONDITIONS = {
    "emissivity": 0.9,
    "distance": 4.0,
    "reflected": 22.0,
    "atmosphere": 15.0,
    "window_temperature": 18.0,
    "window_transmission": 0.96,
    "humidity": 0.6,
}
"""Conditions that differ from all defaults, temperatures in degrees Celsius."""

_PLACES = {
    "emissivity": 0x20,
    "distance": 0x24,
    "reflected": 0x28,
    "atmosphere": 0x2C,
    "window_temperature": 0x30,
    "window_transmission": 0x34,
    "humidity": 0x3C,
    "r1": 0x58,
    "b": 0x5C,
    "f": 0x60,
    "r2": 0x30C,
    "alpha1": 0x70,
    "alpha2": 0x74,
    "beta1": 0x78,
    "beta2": 0x7C,
    "x": 0x80,
}
_IN_KELVIN = ("reflected", "atmosphere", "window_temperature")


def counts_of(celsius: NDArray[np.float64], **conditions: float) -> NDArray[np.float64]:
    """Return the counts that a camera with `PLANCK` and `AIR` would give, not rounded.

    This is the measurement formula in the direction of physics, from temperature to counts.
    """
    known = CONDITIONS | conditions

    def black(t: NDArray[np.float64] | float) -> NDArray[np.float64]:
        kelvin = np.asarray(t) + 273.15
        return PLANCK["r1"] / (PLANCK["r2"] * (np.exp(PLANCK["b"] / kelvin) - PLANCK["f"])) - float(
            PLANCK["o"]
        )

    t = known["atmosphere"]
    vapour = known["humidity"] * np.exp(
        1.5587 + 0.06939 * t - 0.00027816 * t**2 + 0.00000068455 * t**3
    )
    parts = [
        np.exp(-np.sqrt(known["distance"]) * (AIR[f"alpha{i}"] + AIR[f"beta{i}"] * np.sqrt(vapour)))
        for i in (1, 2)
    ]
    through = AIR["x"] * parts[0] + (1 - AIR["x"]) * parts[1]
    e, w = known["emissivity"], known["window_transmission"]
    scene = e * black(celsius) + (1 - e) * black(known["reflected"])
    outside = through * scene + (1 - through) * black(known["atmosphere"])
    return w * outside + (1 - w) * black(known["window_temperature"])


def jpeg(width: int = 32, height: int = 24, value: int = 90) -> bytes:
    """Return a small colour JPEG."""
    picture = np.full((height, width, 3), value, np.uint8)
    picture[height // 4 : height // 2, width // 4 : width // 2] = (200, 60, 30)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


def png(pixels: NDArray[np.uint16] | NDArray[np.uint8]) -> bytes:
    """Return a PNG of these pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def camera_record(
    order: str = "<",
    *,
    model: str = "Made-up T1",
    shown: tuple[int, int] = (0, 0),
    seconds: int = 1_700_000_000,
    west: int = -120,
    size: int = 2476,
    **values: float,
) -> bytes:
    """Return the record of camera and measurement; `shown` is the median and the span of counts."""
    record = bytearray(size)
    struct.pack_into(f"{order}HHH", record, 0, 2, 8, 6)
    for name, value in (PLANCK | AIR | CONDITIONS | values).items():
        if name in _PLACES:
            stored = value + 273.15 if name in _IN_KELVIN else value
            struct.pack_into(f"{order}f", record, _PLACES[name], stored)
    struct.pack_into(f"{order}i", record, 0x308, int((PLANCK | values)["o"]))
    record[0xD4 : 0xD4 + len(model)] = model.encode()
    struct.pack_into(f"{order}H", record, 0x338, shown[0])
    struct.pack_into(f"{order}H", record, 0x33C, shown[1])
    struct.pack_into(f"{order}IIh", record, 0x384, seconds, 250, west)
    return bytes(record)


def raw_record(counts: NDArray[np.uint16], order: str = "<", kind: str = "plain") -> bytes:
    """Return a record of counts: `plain`, or `png` and `swapped` for PNG in both byte orders."""
    height, width = counts.shape
    head = struct.pack(f"{order}HHH", 2, width, height).ljust(32, b"\0")
    if kind == "plain":
        return head + counts.astype(f"{order}u2").tobytes()
    return head + png(counts.byteswap() if kind == "swapped" else counts)


def visible_record(data: bytes, width: int, height: int) -> bytes:
    """Return a record of a visible picture."""
    return struct.pack("<HHH", 3, width, height).ljust(32, b"\0") + data


def placement_record(ratio: float, right: int, down: int) -> bytes:
    """Return a record that says how infrared lies on the visible picture."""
    return struct.pack("<fhhhhhh", ratio, right, down, 0, 0, 0, 0).ljust(64, b"\0")


def container(records: Sequence[tuple[int, bytes]], order: str = ">") -> bytes:
    """Return an FFF container with a spare entry, as cameras write them."""
    entries = [*records, (0, b"")]
    start = 64 + 32 * len(entries)
    head = b"FFF\0" + b"MADE-UP".ljust(16, b"\0")
    head += struct.pack(f"{order}III", 100, 64, len(entries))
    directory, body = b"", b""
    for kind, data in entries:
        place = start + len(body)
        entry = struct.pack(f"{order}HHIIII", kind, 1, 100, 1, place, len(data))
        directory += entry.ljust(32, b"\0")
        body += data
    return head.ljust(64, b"\0") + directory + body


def with_segments(plain: bytes, parts: Sequence[tuple[int, bytes]]) -> bytes:
    """Return a JPEG with further segments after its start."""
    packed = [b"\xff" + bytes([m]) + struct.pack(">H", len(c) + 2) + c for m, c in parts]
    return plain[:2] + b"".join(packed) + plain[2:]


def flir_jpeg(data: bytes, plain: bytes | None = None, size: int = 65_000) -> bytes:
    """Return a radiometric JPEG that holds an FFF container in parts of a size."""
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    parts = [(0xE1, b"FLIR\0" + bytes((1, i, len(cut) - 1)) + one) for i, one in enumerate(cut)]
    return with_segments(plain or jpeg(), parts)


def flir_file(
    celsius: NDArray[np.float64],
    *,
    visible: tuple[int, int] | None = None,
    placement: tuple[float, int, int] | None = None,
    exif: bytes | None = None,
    **camera: float,
) -> bytes:
    """Return a whole radiometric JPEG of a scene of these temperatures."""
    counts = np.rint(counts_of(celsius)).astype(np.uint16)
    records = [(CAMERA, camera_record(**camera)), (RAW, raw_record(counts))]
    if visible is not None:
        width, height = visible
        records.append((VISIBLE, visible_record(jpeg(width, height), width, height)))
    if placement is not None:
        records.append((PLACEMENT, placement_record(*placement)))
    made = flir_jpeg(container(records))
    return made if exif is None else with_segments(made, [(0xE1, b"Exif\0\0" + exif)])


def exif_of(maker: str, model: str = "", orientation: int = 1) -> bytes:
    """Return an EXIF block without its head."""
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = maker, model, orientation
    exif[306] = "2024:05:31 14:08:59"
    return exif.tobytes().removeprefix(b"Exif\0\0")


def dji_conditions(form: str) -> bytes:
    """Return the segment of conditions of a camera: air 21, distance 5 m, 0.95, 0.7, 23 degrees."""
    if form == "H20T":
        body = b"\xaa\x55\x12\x06".ljust(0x44, b"\0") + struct.pack("<HHHhh", 5, 70, 95, 230, 21)
        return body.ljust(256, b"\0")
    if form == "M30T":
        head = b"\xff\xd2\xd1\xffgirp".ljust(32, b"\0")
        return head + b"\xaa\x55\x38\0" + struct.pack("<HHHh", 70, 50, 95, 230) + bytes(40)
    head = b"\xff\xd2\xd1\xffiirp".ljust(32, b"\0") if form == "M3T" else b""
    return head + struct.pack("<5f", 21, 5, 0.95, 0.7, 23) + bytes(100)


def dji_jpeg(counts: NDArray[np.uint16], form: str = "M3T", maker: str = "DJI") -> bytes:
    """Return a radiometric JPEG of DJI's."""
    height, width = counts.shape
    data = counts.astype("<u2").tobytes()
    parts = [(0xE1, b"Exif\0\0" + exif_of(maker, form))]
    parts += [(0xE3, data[at : at + 60_000]) for at in range(0, len(data), 60_000)]
    parts.append((0xE4, dji_conditions(form)))
    return with_segments(jpeg(width, height), parts)


def irg(
    counts: NDArray[np.uint16],
    *,
    visible: bytes = b"",
    magic: bytes = b"\xca\xac",
    flag: int = 0,
) -> bytes:
    """Return an IRG file, with conditions 0.95, 20 and 21 degrees, 2.5 m."""
    height, width = counts.shape
    head = bytearray(128)
    head[:4] = magic + b"\x80\0"
    struct.pack_into("<IHHB", head, 4, width * height, height, width, flag)
    conditions = (9500, 2_931_500, 2_941_500, 25_000)
    struct.pack_into("<4I", head, 30, *conditions)
    head[126:] = b"\xac\xca"
    coarse = (counts // 256).astype(np.uint8).tobytes()
    return bytes(head) + coarse + counts.astype("<u2").tobytes() + visible
