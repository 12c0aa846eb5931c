"""Training: configuration, setup, the loop over steps and stages, and the folder of a run."""
