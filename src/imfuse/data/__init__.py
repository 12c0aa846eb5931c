"""Find, check and read datasets of pairs: published ones, folders, video and rendered scenes."""

from imfuse.data.boxes import Boxes as Boxes
from imfuse.data.catalogue import LAYOUTS as LAYOUTS
from imfuse.data.layouts import Layout as Layout
from imfuse.data.opening import open_source as open_source
from imfuse.data.sample import IGNORED as IGNORED
from imfuse.data.sample import Sample as Sample
from imfuse.data.sources import Source as Source
from imfuse.data.splitting import hold_out as hold_out
