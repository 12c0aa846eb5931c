"""Sets whose files were counted off by some places are found, and others are left in peace."""

import pytest

from imfuse.data import open_source
from imfuse.data.checks import examine, report
from imfuse.data.lags import sketch, slipped, watched
from imfuse.data.sample import gray
from imfuse.data.sources import Selection


def findings(source):
    return [f for f in report(source, list(examine(source))).findings if f.kind == "pairing"]


def shift(folder, into, lag):
    """Copy infrared and visible pictures so that each has the partner of `lag` places before."""
    files = {kind: sorted((folder / kind).iterdir()) for kind in ("ir", "vis")}
    for kind in files:
        (into / kind).mkdir(parents=True)
    count = len(files["ir"])
    for i in range(count - abs(lag)):
        for kind, start in (("ir", max(0, -lag)), ("vis", max(0, lag))):
            file = files[kind][i + start]
            (into / kind / f"{i:04d}{file.suffix}").symlink_to(file.resolve())
    return into


@pytest.mark.parametrize(
    ("lag", "words"), [(0, None), (1, "1 place before"), (-2, "2 places after")]
)
@pytest.mark.parametrize("folder", ["msrs/test", "roadscene"])
def test_counting_off_is_found(data, tmp_path, folder, lag, words):
    moved = shift(data / folder, tmp_path / "set", lag)
    source = open_source(moved)
    chosen = Selection(source, range(min(len(source), 60)))
    found = findings(chosen)
    assert [words in one.message for one in found] == ([True] if words else [])


@pytest.mark.parametrize(("lag", "found"), [(0, False), (5, True), (-15, True)])
def test_video_that_is_out_of_step_is_found(data, lag, found):
    source = open_source(data / "m3svd")
    samples = [source.load(i) for i in range(120)]
    irs, views = [sample.ir for sample in samples], [gray(sample.vis) for sample in samples]
    count = len(samples) - abs(lag)
    pairs = [(irs[i + max(0, -lag)], views[i + max(0, lag)]) for i in range(count)]
    message = slipped({i: sketch(*pairs[i]) for i in watched(count)})
    assert bool(message) == found
    if found:
        assert ("before" if lag > 0 else "after") in message


def test_pairs_alike_are_left_in_peace(data):
    source = open_source(data / "llvip256/train", layout="side-by-side")
    assert findings(Selection(source, range(80))) == []
    ir, vis = source.load(0).ir, source.load(0).ir
    assert slipped({i: sketch(ir, vis) for i in range(12)}) == ""
    assert slipped({}) == ""


def test_stretches_of_neighbours_are_spread_over_the_set():
    assert watched(3) == {0, 1, 2}
    places = sorted(watched(1000))
    assert (places[0], places[-1]) == (0, 999)
    assert len(places) == 50
    assert all({p + 1, p - 1} & set(places) for p in places)
