"""The command `imfuse`: one function per sub-command; each imports what it needs when it runs."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    The exit code is 0 if all is done, 2 for wrong usage, 3 for refused input, 130 if interrupted,
    and 141 if the program that reads the output through a pipe has ended.

    Args:
        arguments: The words after `imfuse`; None: the process's own arguments.
    """
    try:
        # Imported here so that Ctrl-C in the quarter of a second that it takes shows no traceback.
        from imfuse.cli.app import run
    except KeyboardInterrupt:
        sys.exit(130)
    run(sys.argv[1:] if arguments is None else arguments)
