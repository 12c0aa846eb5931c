"""Metrics of fused pictures, each defined once, with the field's other conventions as options."""
