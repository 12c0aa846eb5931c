"""Metrics of fused pictures: each defined once, with the conventions of the field under names."""
