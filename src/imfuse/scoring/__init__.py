"""Scoring of fused pictures against their sources: files, folders, and what explains a number."""
