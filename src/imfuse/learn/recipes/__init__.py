"""Training procedures, one file for each paper."""
