"""How others' files of weights name what our networks hold; one module per network."""
