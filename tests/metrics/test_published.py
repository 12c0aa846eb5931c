"""Values that two public evaluators give for other methods' published pictures."""

import json

import numpy as np
import pytest

from imfuse.io.images import read_image
from imfuse.metrics.catalogue import METRICS
from imfuse.metrics.planes import Trio

OTHER_NAMES = {("cddfuse", "VIFF"): "VIF", ("ivif-zoo", "MS_SSIM"): "MS-SSIM"}
"""What the evaluators call a metric that we know under another symbol."""


FLOAT32_NOISE = {("ivif-zoo", "SSIM", "SeAFusion/10"): 5e-4}
"""Where an evaluator's own rounding decides. IVIF_ZOO squares values up to 65025 in float32, so
that a mean square of 4e9 is known to within 256; in the large white areas of this picture,
variances of less than that are divided by one another. Even the order in which the weights of its
window are summed up changes the value by 1e-3."""

CDDFUSE = "EN SD SF AG MI SCD VIFF Qabf CC PSNR MSE SSIM"
IVIF_ZOO = "CE QNCIE TE EI Qy Qcb EN SF SD AG PSNR MSE VIF CC SCD Qabf Nabf SSIM MS_SSIM NMI MI"


@pytest.fixture(scope="module")
def published(data):
    folder = data / "published" / "tno25"
    values = json.loads((folder / "values.json").read_text())
    trios = {}
    for name in values:
        method, stem = name.split("/")
        files = (folder / method, data / "tno25" / "ir", data / "tno25" / "vis")
        pictures = [np.array(read_image(f / f"{stem}.webp")) for f in files]
        arrays = [x[..., 0] for x in pictures]  # WebP stores gray as three equal channels
        trios[name] = Trio.of(*arrays, data_range=255)
    return values, trios


@pytest.mark.parametrize(
    ("kit", "key"),
    [
        *(("cddfuse", key) for key in CDDFUSE.split()),
        *(("ivif-zoo", key) for key in IVIF_ZOO.split()),
    ],
)
def test_published_values_are_reproduced(published, kit, key):
    """All 24 pictures within 1e-4 relative, but for one value of one picture."""
    values, trios = published
    metric = METRICS[OTHER_NAMES.get((kit, key), key)]
    for name, trio in trios.items():
        found = metric.of(trio, metric.kits[kit])
        room = FLOAT32_NOISE.get((kit, key, name), 1e-4)
        assert found == pytest.approx(values[name][kit][key], rel=room), name
