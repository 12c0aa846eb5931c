"""Run the command `imfuse` as `python -m imfuse`."""

from imfuse.cli import main

main()
