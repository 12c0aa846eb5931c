import numpy as np

from imfuse.demo import DEMO_SEED, run_demo
from imfuse.fuser import Fuser
from imfuse.io.images import read_image
from imfuse.scenes import SCENES
from imfuse.types import ImagePair


def test_the_demo_fuses_one_street_in_every_kind_and_shows_it(tmp_path):
    result = run_demo(tmp_path / "d", "average")
    assert result["count"] == len(SCENES)
    names = sorted(p.name for p in (tmp_path / "d" / "fused").glob("*.png"))
    assert names == sorted(f"{DEMO_SEED:05d}-{kind}.png" for kind in SCENES)
    page = (tmp_path / "d" / "index.html").read_text()
    assert page.count("<img ") == 3 * len(SCENES)
    for name in names:
        pair = [read_image(tmp_path / "d" / side / name) for side in ("ir", "vis")]
        fused = Fuser("average").fuse(ImagePair(ir=pair[0], vis=pair[1]))
        assert np.array_equal(read_image(tmp_path / "d" / "fused" / name).pixels, fused.pixels)
