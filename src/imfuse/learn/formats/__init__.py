"""Mappings from the parameter names of published weights to ours, one module per network."""
