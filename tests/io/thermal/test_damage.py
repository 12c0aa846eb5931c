"""Damaged thermal files: named errors, or a picture, and nothing else."""

import random

import numpy as np
import pytest

from imfuse.errors import ImfuseError
from imfuse.inspection import inspect
from imfuse.io.formats.container import Source
from imfuse.io.thermal.inside import read_inside
from imfuse.io.thermal.read import read_infrared
from imfuse.radiometry import Reading
from reference import thermal_files as made
from reference.mutants import mutants

SCENE = np.linspace(-5, 80, 24 * 32).reshape(24, 32)
COUNTS = np.rint(made.counts_of(SCENE)).astype(np.uint16)


def records(kind, order):
    return [
        (made.RAW, made.raw_record(COUNTS, order, kind)),
        (made.CAMERA, made.camera_record(order, shown=(15000, 2000))),
        (made.VISIBLE, made.visible_record(made.jpeg(), 32, 24)),
        (made.PLACEMENT, made.placement_record(1.5, 2, -3)),
    ]


FILES = {
    "flir": made.flir_jpeg(made.container(records("plain", "<")), size=900),
    "flir-png": made.flir_jpeg(made.container(records("swapped", ">"), "<")),
    "fff": made.container(records("plain", "<")),
    "irg": made.irg(COUNTS, visible=made.jpeg()),
    "dji": made.dji_jpeg((np.arange(160 * 128).reshape(128, 160) % 3000).astype(np.uint16)),
}


def look(data):
    """Read a file in all ways; return True if one of them works."""
    works = False
    for read in (
        lambda: read_infrared(data, max_pixels=10**6),
        lambda: read_infrared(data, reading=Reading(unit="counts"), max_pixels=10**6),
        lambda: read_inside(Source(data=data, name="x", max_pixels=10**6), Reading()),
        lambda: inspect(data, max_pixels=10**6),
    ):
        try:
            found = read()
        except ImfuseError as error:
            assert error.found  # noqa: PT017 - any number of errors is right
        else:
            works = True
            pixels = getattr(found, "pixels", np.zeros(1))
            assert np.isfinite(pixels).all()
    return works


@pytest.mark.parametrize("name", FILES)
def test_every_cut_is_a_named_error_or_a_picture(name):
    data = FILES[name]
    assert look(data)
    for at in [*range(0, 300, 7), *range(300, len(data), max(1, len(data) // 40))]:
        look(data[:at])


@pytest.mark.parametrize("name", FILES)
def test_mutants(name):
    rng = random.Random(name)  # noqa: S311 - damage needs no secrecy
    files = list(FILES.values())
    damaged = mutants(FILES[name], files[(list(FILES).index(name) + 1) % len(files)], rng)
    results = [look(next(damaged)) for _ in range(60)]
    assert any(results)
    assert not all(results)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_mutants(name):
    rng = random.Random(name + "again")  # noqa: S311 - see above
    for data, _ in zip(mutants(FILES[name], FILES["flir"], rng), range(3000), strict=False):
        look(data)


@pytest.mark.parametrize("order", "<>")
def test_every_number_of_header_and_camera_may_be_absurd(order):
    """Each 4 bytes of the directory and of the camera's record become large, small or odd."""
    whole = made.container(
        [(made.CAMERA, made.camera_record(order)), (made.RAW, made.raw_record(COUNTS, order))]
    )
    absurd = (bytes(4), b"\xff" * 4, b"\x00\x00\x80\x7f", b"\x7f\x80\x00\x00", b"\x01\x00\x00\x80")
    for at in [*range(0, 160, 4), *range(160, 160 + 0x88, 4), *range(160 + 0x300, 160 + 0x390, 4)]:
        for value in absurd:
            look(whole[:at] + value + whole[at + 4 :])
