"""The published fusion networks: one file per paper, one class per network."""
