"""How fusion methods run."""
