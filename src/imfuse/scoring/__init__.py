"""Score fused pictures against their sources, as files or folders, and explain scores."""
