"""Pairs to train on: known sets, plain folders, video, rendered scenes; found, checked and read.

Nothing here needs PyTorch but `imfuse.learn.batches.loader` and `imfuse.learn.batches.stream`.
"""

from imfuse.data.catalogue import LAYOUTS as LAYOUTS
from imfuse.data.layouts import Layout as Layout
from imfuse.data.opening import open_source as open_source
from imfuse.data.sample import IGNORED as IGNORED
from imfuse.data.sample import Sample as Sample
from imfuse.data.sources import Source as Source
from imfuse.data.sources import hold_out as hold_out
