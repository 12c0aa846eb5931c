"""One file for the training procedure of each paper."""
