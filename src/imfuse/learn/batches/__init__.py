"""Batches for training: samples cached, cut, varied, and stacked into tensors."""
