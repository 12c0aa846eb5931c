"""Fuse pictures of one scene from different sensors into one picture."""

__version__ = "0.1.0.dev0"
