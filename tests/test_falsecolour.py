"""Infrared in false colour as a picture: what is recovered, refused, noted, and left alone."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from imfuse import FuseOptions, Fuser, ImagePair, Picture, Session, read_image
from imfuse.errors import BadValues, UnknownName, UsageError
from imfuse.falsecolour import recovered
from imfuse.readings import Recovered
from reference.false_colour import scene, shown, with_marks

AUTO = FuseOptions(palette="auto")


def picture(name, values=None, quality=90, **more):
    values = scene("street-day", 2) if values is None else values
    return Picture(pixels=shown(name, values, quality), name="ir.jpg", **more)


@pytest.mark.parametrize("name", ["iron", "rainbow-hc", "arctic", "jet"])
def test_values_and_errors_are_recovered(name):
    found = recovered(picture(name), AUTO)
    assert isinstance(found, Recovered)
    assert found.pixels.dtype == np.float32
    assert np.abs(found.pixels - scene("street-day", 2)).mean() < 0.015
    assert found.calibration is None
    assert found.reading.palette == name
    assert 0 < found.reading.mean_off < 6
    assert found.reading.share_off < 0.06
    assert f"the palette {name} turned back" in found.notes[0]


def test_nothing_happens_without_the_option():
    given_ = picture("iron")
    assert recovered(given_, FuseOptions()) is given_


def test_nothing_happens_twice():
    found = recovered(picture("iron"), AUTO)
    assert recovered(found, AUTO) is found
    black_hot = FuseOptions(palette="black-hot")
    turned = recovered(Picture(pixels=np.full((4, 4), 55, np.uint8)), black_hot)
    assert recovered(turned, black_hot) is turned
    assert turned.pixels == pytest.approx(200 / 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16])
def test_gray_pictures_stay_as_they_are(dtype):
    gray = Picture(pixels=np.arange(12).reshape(3, 4).astype(dtype))
    assert recovered(gray, AUTO) is gray
    three = Picture(pixels=shown("white-hot", scene(), 90))
    assert recovered(three, AUTO) is three


def test_depth_does_not_matter():
    eight = picture("iron")
    sixteen = Picture(pixels=eight.pixels.astype(np.uint16) * 257)
    floats = Picture(pixels=eight.pixels.astype(np.float32) / 255)
    expected = recovered(eight, AUTO).pixels
    assert np.array_equal(recovered(sixteen, AUTO).pixels, expected)
    assert np.array_equal(recovered(floats, AUTO).pixels, expected)


def test_degrees_only_where_the_ends_are_given():
    options = FuseOptions(palette="auto", palette_range="12C:40C")
    found = recovered(picture("iron"), options)
    known = found.calibration
    assert (known.unit, known.slope, known.offset) == ("celsius", 28, 12)
    assert set(known.sources.values()) == {"user"}
    assert any("12C:40C" in note and "equalises" in note for note in found.notes)


def test_gray_pictures_get_degrees_too():
    pixels = np.array([[0, 51], [102, 255]], np.uint8)
    options = FuseOptions(palette="black-hot", palette_range="0C:10C")
    found = recovered(Picture(pixels=pixels), options)
    degrees = found.pixels * found.calibration.slope + found.calibration.offset
    assert degrees == pytest.approx(np.array([[10, 8], [6, 0]]), abs=1e-5)


@pytest.mark.parametrize(
    "options", [AUTO, FuseOptions(palette="iron"), FuseOptions(palette="estimate")]
)
def test_colours_of_no_palette_are_refused(options, rng):
    blocks = rng.integers(0, 255, (20, 24, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with pytest.raises(BadValues) as caught:
        recovered(Picture(pixels=blocks, name="photo.jpg"), options)
    assert "palette" in str(caught.value)
    assert caught.value.file == "photo.jpg"
    if options.palette != "estimate":
        assert "levels off the nearest palette" in caught.value.found


def test_the_wrong_palette_is_refused_and_the_family_is_tried():
    with pytest.raises(BadValues, match="nearest palette, rainbow-hc"):
        recovered(picture("iron"), FuseOptions(palette="rainbow-hc"))
    assert recovered(picture("iron-red"), FuseOptions(palette="iron")).reading.palette == "iron-red"
    assert recovered(picture("jet"), FuseOptions(palette="rainbow")).reading.palette == "jet"


def test_a_palette_that_fits_better_than_the_named_one_is_told():
    # The hot half of iron is much like that of arctic.
    found = recovered(picture("iron"), FuseOptions(palette="arctic"))
    assert any("the palette iron fits better" in note for note in found.notes)
    right = recovered(picture("iron"), FuseOptions(palette="iron"))
    assert not any("fits better" in note for note in right.notes)


def test_a_few_hot_pixels_of_a_gray_palette_are_read_by_name():
    values = np.clip(scene("street-night", 1) * 0.5, 0, 0.5)
    values[100:112, 100:110] = np.linspace(0.6, 1, 12)[:, None]
    found = recovered(picture("tint", values), FuseOptions(palette="tint"))
    assert np.abs(found.pixels - values).mean() < 0.01
    hot = found.pixels[102:110, 102:108].mean(axis=1)
    assert hot[0] > 0.55
    assert hot[-1] > hot[0] + 0.15
    with pytest.raises(BadValues):
        recovered(picture("tint", values), FuseOptions(palette="iron"))


def test_a_picture_in_the_picture_is_refused():
    pixels = shown("white-hot", scene(), 90).copy()
    pixels[80:180, 100:220] = shown("iron", scene(), 90)[80:180, 100:220]
    with pytest.raises(BadValues):
        recovered(Picture(pixels=pixels), FuseOptions(palette="iron"))


@pytest.mark.parametrize("name", ["iron", "estimate"])
def test_gray_pictures_are_in_no_coloured_palette(name):
    options = FuseOptions(palette=name)
    with pytest.raises(BadValues, match="gray picture"):
        recovered(Picture(pixels=np.zeros((5, 5), np.uint8)), options)
    with pytest.raises(BadValues):
        recovered(Picture(pixels=shown("white-hot", scene(), 90)), options)


def test_measurements_have_no_palette():
    raw = Picture(pixels=np.zeros((5, 5, 3), np.int16))
    with pytest.raises(BadValues, match="int16 values"):
        recovered(raw, FuseOptions(palette="iron"))


def test_an_unknown_palette_keeps_the_order_but_gives_no_degrees():
    plasma = shown("plasma", scene("street-day", 2), 90)
    odd = Picture(pixels=np.ascontiguousarray(plasma[..., [1, 2, 0]]))
    found = recovered(odd, AUTO)
    assert found.reading.palette == "unknown"
    ranks = [one.ravel().argsort().argsort() for one in (found.pixels, scene("street-day", 2))]
    assert abs(np.corrcoef(*ranks)[0, 1]) > 0.97
    assert any("--ir-range 1:0 (ir_range='1:0')" in note for note in found.notes)
    with pytest.raises(BadValues, match="unknown palette"):
        recovered(odd, FuseOptions(palette="auto", palette_range="1C:2C"))


def test_marks_have_no_data_and_show_the_visible_picture():
    rgb, bar, _ = with_marks("iron", scene("street-day", 2))
    ir = Picture(pixels=rgb, name="ir.png")
    found = recovered(ir, AUTO)
    assert found.nodata[bar].mean() > 0.95
    assert found.reading.bar is not None
    vis = Picture(pixels=np.full((256, 320, 3), 77, np.uint8), name="vis.png")
    fused = Fuser("average", palette="auto").fuse(ImagePair(ir=ir, vis=vis))
    assert (fused.pixels[found.nodata] == 77).all()
    assert fused.history["palette"] == found.reading.as_dict()
    assert any("have no data" in note for note in fused.notes)


def test_fusing_uses_the_values():
    values = scene("street-day", 2)
    vis = Picture(pixels=np.zeros((256, 320), np.uint8))
    pair = ImagePair(ir=picture("rainbow"), vis=vis)
    fused = Fuser("max", palette="auto").fuse(pair)
    assert np.abs(fused.pixels / 255 - values).mean() < 0.02
    plain = Fuser("max").fuse(pair)
    assert np.abs(plain.pixels / 255 - values).mean() > 0.1
    assert any("--palette auto (palette='auto')" in note for note in plain.notes)
    assert "palette" not in plain.history
    turned = Fuser("max", palette="auto", ir_range="1:0").fuse(pair)
    assert np.abs(turned.pixels / 255 - (1 - values)).mean() < 0.02


def test_ranges_are_in_degrees_where_the_ends_are_given():
    pair = ImagePair(ir=picture("iron"), vis=Picture(pixels=np.zeros((256, 320), np.uint8)))
    options = FuseOptions(model="max", palette="iron", palette_range="10C:30C", ir_range=(15, 25))
    fused = Fuser(options).fuse(pair)
    expected = np.clip(scene("street-day", 2) * 2 - 0.5, 0, 1)
    assert np.abs(fused.pixels / 255 - expected).mean() < 0.03
    assert np.nanmean(np.abs(fused.physical - (10 + 20 * scene("street-day", 2)))) < 0.5
    assert fused.history["ir_range"] == [15, 25]


def test_frames_share_their_range():
    values = scene("street-day", 2)
    session = Session("max", palette="auto", ir_range="auto")
    vis = np.zeros((256, 320), np.uint8)
    first = session.push(shown("iron", values, 90), vis)
    second = session.push(shown("iron", values / 2, 90), vis)
    assert first.pixels.max() == 255
    assert second.pixels.mean() < 0.75 * first.pixels.mean()  # its own range would hide that


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"palette": "irn"}, UnknownName),
        ({"palette": 3}, UnknownName),
        ({"palette_range": "1C:2C"}, UsageError),
        ({"palette": "auto", "palette_range": "1:2"}, UsageError),
        ({"palette": "auto", "palette_range": 7}, UsageError),
        ({"palette": "auto", "palette_range": "40C:12C"}, UsageError),
    ],
)
def test_senseless_options_are_refused(options, error):
    with pytest.raises(error):
        FuseOptions(**options)


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))),
    st.sampled_from(["auto", "estimate", "iron", "medical", "tint", "black-hot", "white-hot"]),
)
def test_any_picture_is_read_or_refused(pixels, name):
    try:
        found = recovered(Picture(pixels=pixels), FuseOptions(palette=name))
    except BadValues:
        return
    assert found.size == pixels.shape[:2]
    if isinstance(found, Recovered):
        assert np.isfinite(found.pixels).all()
        assert found.pixels.min() >= 0
        assert found.pixels.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 600), (600, 1), (2, 2), (700, 30)])
def test_any_size_is_read(size):
    values = np.linspace(0, 1, size[0] * size[1], dtype=np.float32).reshape(size)
    found = recovered(Picture(pixels=shown("iron", values)), FuseOptions(palette="iron"))
    assert found.size == size


def test_infinite_colours_are_read_or_refused():
    pixels = np.full((20, 20, 3), np.nan, np.float32)
    with pytest.raises(BadValues):
        recovered(Picture(pixels=pixels), FuseOptions(palette="jet"))


@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("flir_ax8", 0.92),
        ("flir_e30bx", 0.95),
        ("flir_e60", 0.98),
        ("flir_i7", 0.96),
        ("flir_infracam", 0.985),
        ("flir_one", 0.94),
        ("flir_t420", 0.98),
    ],
)
def test_values_of_flirs_pictures_are_in_the_order_of_their_temperatures(data, file, least):
    found = recovered(read_image(data / "thermal" / f"{file}.jpg"), AUTO)
    counts = raw_counts((data / "thermal" / f"{file}.jpg").read_bytes(), found.size)
    clear = np.ones(found.size, bool) if found.nodata is None else ~found.nodata
    ranks = [one[clear].argsort().argsort() for one in (found.pixels, counts)]
    assert np.corrcoef(*ranks)[0, 1] > least


@pytest.mark.parametrize(("file", "least"), [("dji_h20t", 0.97), ("dji_m2ea", 0.985)])
def test_values_of_djis_pictures_are_in_the_order_of_their_counts(data, file, least):
    content = (data / "thermal" / f"{file}.jpg").read_bytes()
    found = recovered(read_image(data / "thermal" / f"{file}.jpg"), AUTO)
    parts = [part for marker, part in segments(content) if marker == 0xE3]
    counts = np.frombuffer(b"".join(parts)[: 640 * 512 * 2], "<u2")
    ranks = [one.ravel().argsort().argsort() for one in (found.pixels, counts)]
    assert found.nodata is None
    assert np.corrcoef(*ranks)[0, 1] > least


def segments(content):
    """Markers and contents of the segments of a JPEG file."""
    at = 2
    while content[at] == 0xFF and content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        yield content[at + 1], content[at + 4 : at + 2 + length]
        at += 2 + length


def order_of(head):
    """The order of the bytes in the head of a raw picture, which starts with a 2."""
    return "little" if head[0] == 2 else "big"


def raw_counts(content, size):
    """The raw picture in a file of FLIR's, at the size of its preview."""
    parts = {p[6]: p[8:] for marker, p in segments(content) if p[:5] == b"FLIR\0"}
    block = b"".join(parts[key] for key in sorted(parts))
    order = next(one for one in ("big", "little") if int.from_bytes(block[0x1C:0x20], one) < 1000)
    start, count = (int.from_bytes(block[at : at + 4], order) for at in (0x18, 0x1C))
    for entry in (block[start + 32 * k :][:32] for k in range(count)):
        if int.from_bytes(entry[:2], order) == 1:
            at, length = (int.from_bytes(entry[k : k + 4], order) for k in (12, 16))
            head, stored = block[at : at + 32], block[at + 32 : at + length]
    if stored[:4] == b"\x89PNG":  # with its bytes swapped
        counts = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED).byteswap()
    else:
        width, height = (int.from_bytes(head[k : k + 2], order_of(head)) for k in (2, 4))
        counts = np.frombuffer(stored[: 2 * width * height], "<u2").reshape(height, width)
    return cv2.resize(counts.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
