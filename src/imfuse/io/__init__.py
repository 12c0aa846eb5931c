"""Read and write picture files, and match the pictures of two folders."""
