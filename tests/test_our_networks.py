"""Our networks that are part of imfuse: wishes work step by step, and hard pairs are served."""

import numpy as np
import pytest

from imfuse import Fuser, ImagePair, Picture
from imfuse.bench.hard import measure_rendered
from imfuse.bench.hard_summary import HardSummary
from imfuse.bench.run import Competitor
from imfuse.engines.load import load_engine
from imfuse.ops.color import luma
from imfuse.scenes import render

OURS = pytest.mark.parametrize("name", ["imfuse-b", "imfuse-s"])


@pytest.fixture(scope="module", params=["street-day", "street-night"])
def scene(request):
    return render(request.param, size=(240, 320), seed=3)


def fused(scene, name, **wishes):
    pair = ImagePair(ir=Picture(pixels=scene.ir), vis=Picture(pixels=luma(scene.vis)))
    return Fuser(name, threads=1, **wishes).fuse(pair).pixels


def distance(one, other):
    return float(np.abs(one - other).mean())


@OURS
def test_leaning_goes_from_one_source_to_the_other_step_by_step(scene, name):
    towards = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    for source, weights in ((scene.ir, towards), (luma(scene.vis), [1 - w for w in towards])):
        far = [distance(fused(scene, name, prefer_ir=weight), source) for weight in weights]
        assert (np.diff(far) < 0).all(), far
        assert far[-1] < 1e-6


@OURS
def test_detail_rises_with_the_wish(scene, name):
    sizes = [
        float(np.hypot(*(np.std(np.diff(picture, axis=axis)) for axis in (0, 1))))
        for picture in (fused(scene, name, detail=wish) for wish in (0.0, 0.4, 0.8, 1.2, 1.5))
    ]
    assert (np.diff(sizes) > 0).all(), sizes
    assert sizes[-1] > 1.15 * sizes[0]


@OURS
def test_natural_results_come_closer_to_a_good_visible_picture(name):
    scene = render("street-day", size=(240, 320), seed=3)
    y = luma(scene.vis)
    good = (y > 0.2) & (y < 0.8) & ~scene.mask
    far = [
        float(np.abs(fused(scene, name, natural=wish) - y)[good].mean())
        for wish in (0.0, 0.3, 0.6, 1.0)
    ]
    assert (np.diff(far) < 0).all(), far
    assert far[-1] < 0.8 * far[0]


@OURS
def test_wishes_are_continuous(scene, name):
    """A hundredth more of a wish changes no pixel by more than a twentieth of white."""
    known = load_engine(name).rule.wishes
    assert {"lean", "detail", "natural"} <= set(known)
    for wish, most in (("detail", 1.5), ("natural", 1.0), ("machine", 1.0)):
        if wish not in known:
            continue
        for start in (0.0, 0.5, most - 0.01):
            one, next_ = (fused(scene, name, **{wish: w}) for w in (start, start + 0.01))
            assert np.abs(next_ - one).max() < 0.05


@OURS
def test_what_one_sensor_hides_is_shown(name):
    """Against the methods of the table that come closest, on scenes that training has not seen."""
    methods = [Competitor.of_method(one) for one in ("max", "laplacian-max", name)]
    labels = [one.label for one in methods]
    found = HardSummary.of(labels, measure_rendered(methods, 2))
    assert found.best("contrast") == name
    assert found.best("edges") == name
    assert found.best("glare") == name
