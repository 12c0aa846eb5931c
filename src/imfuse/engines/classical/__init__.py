"""Methods without learned weights (or with one learned dictionary), the field's baselines."""
