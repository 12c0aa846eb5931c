"""Detector families: how the files of each are recognised, what they take, how they answer."""
