"""The command `imfuse`: one function per sub-command; each imports what it needs when it runs."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 wrong usage, 3 refused input, 130 interrupted.

    Args:
        arguments: The words after `imfuse`; None: the process's own arguments.
    """
    try:
        # Imported here so that Ctrl-C in the quarter of a second that it takes shows no traceback.
        from imfuse.cli.app import run
    except KeyboardInterrupt:
        sys.exit(130)
    run(sys.argv[1:] if arguments is None else arguments)
