"""What stands in for training pairs where only their names count."""

from imfuse.data.catalogue import LAYOUTS
from imfuse.data.sources import Entry, Source

MSRS = 1083
"""Training pairs of MSRS."""

SMALL = {
    "seafusion": {"crop": 32, "segmentation.crop": 40, "segmentation.batch": 2},
    "scgrfuse": {"crop": 32, "segmentation.crop": 40, "segmentation.batch": 2},
    "psfusion": {"crop": 64, "settle_crop": 64},
    "refinefuse": {"crop": 64},
    "smfnet": {"crop": 32, "stride": 640},
    "bffr": {"crop": [64, 96], "warm_start.batch": 2},
}
"""Settings of each recipe for steps that take no time."""


class NamedPairs(Source):
    """As many training pairs as MSRS has, without pictures."""

    def __init__(self, count=MSRS, *, layout="msrs", labelled=True):
        self.layout = LAYOUTS[layout]
        self.entries = tuple(
            Entry(f"{i:05d}", "train", f"{i:05d}", labelled=labelled) for i in range(count)
        )

    def load(self, index):
        raise NotImplementedError("plans are made without looking at a picture")
