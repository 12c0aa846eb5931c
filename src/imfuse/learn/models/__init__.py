"""The published fusion networks: one file a paper, one class a network."""
