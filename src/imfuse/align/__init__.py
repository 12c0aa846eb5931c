"""Aligners: how the two pictures of a pair lie upon each other."""
