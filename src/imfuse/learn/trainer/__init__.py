"""The loop that trains: stages of a recipe, checkpoints, logs, previews."""
