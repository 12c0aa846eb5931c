"""Networks, their losses, and training (needs the extra `learn`, which brings PyTorch)."""
