"""The command `imfuse`: one function per sub-command; each imports what it needs when it runs."""

from imfuse.cli.app import main

__all__ = ["main"]
