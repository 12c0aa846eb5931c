"""`python -m imfuse` is the command `imfuse`."""

from imfuse.cli import main

main()
