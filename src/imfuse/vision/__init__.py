"""Frozen networks that look at pictures: segmenters and detectors in ONNX files."""
