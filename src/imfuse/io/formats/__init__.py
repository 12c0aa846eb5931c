"""Readers and writers of the formats, on top of Pillow, tifffile and OpenCV."""
