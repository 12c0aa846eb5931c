"""Readers and writers of picture formats, based on Pillow, tifffile and OpenCV."""
