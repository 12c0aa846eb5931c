"""Files and bytes to pictures and back, and the matching of two folders."""
