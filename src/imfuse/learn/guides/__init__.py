"""Segmenters that guide training: their losses reach the fusion network."""
