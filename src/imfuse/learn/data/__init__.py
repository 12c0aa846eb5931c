"""Pairs to train on: known sets, plain folders, video, rendered scenes; found, checked and read.

Nothing here needs PyTorch but `imfuse.learn.data.batches` and `imfuse.learn.data.stream`.
"""

from imfuse.learn.data.catalogue import LAYOUTS as LAYOUTS
from imfuse.learn.data.layouts import Layout as Layout
from imfuse.learn.data.opening import open_source as open_source
from imfuse.learn.data.sample import IGNORED as IGNORED
from imfuse.learn.data.sample import Sample as Sample
from imfuse.learn.data.sources import Source as Source
from imfuse.learn.data.sources import hold_out as hold_out
