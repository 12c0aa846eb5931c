"""Losses: functions of batches `(b, c, h, w)` in [0, 1] that return one number.

Each is a mean over the batch. Weights between losses belong to the recipes. Half precision is
converted to float32 inside, even under autocast, because variances and sums over pixels need it.
"""
