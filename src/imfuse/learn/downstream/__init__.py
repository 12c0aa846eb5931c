"""The papers' downstream protocol: train a segmenter again on each method's pictures."""

from imfuse.learn.downstream.protocol import retrain

__all__ = ["retrain"]
