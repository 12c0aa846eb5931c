"""Classical fusion methods, the field's baselines: no trained weights except one dictionary."""
