"""What training minimises: functions of batches `(b, c, h, w)` in [0, 1] that return one number.

Each is a mean over the batch. Weights between losses belong to the recipes. Half precision is
widened to float32 inside, also under autocast: variances and sums over pixels need it.
"""
