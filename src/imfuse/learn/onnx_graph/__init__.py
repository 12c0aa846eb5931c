"""ONNX files as frozen, differentiable networks: gradients flow through them to the pictures."""
