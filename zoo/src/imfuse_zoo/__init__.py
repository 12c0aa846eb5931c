"""Weights of the papers' networks, which imfuse finds by the entry point group `imfuse.weights`.

There is no code here: `manifest.json` lists the files, with their checksums and training cards.
"""

__version__ = "0.1.0.dev0"
