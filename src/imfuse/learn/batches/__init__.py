"""Batches for training: samples cached, cropped, augmented, and stacked into tensors."""
