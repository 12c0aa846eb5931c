"""Shared parts of the papers' experiments: the pairs to compare on, and results as JSON."""

import argparse
import json
from pathlib import Path

from imfuse.data.opening import open_for_comparing
from imfuse.data.sources import Source
from imfuse.io.atomic import write_atomically


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser described by a module's docstring, with the options for pairs and results."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--data",
        default="scenes:20",
        metavar="DIR|scenes:N",
        help="folder of a dataset, whose test split is used if it has one, or N rendered scenes",
    )
    made.add_argument("--limit", type=int, metavar="N", help="use only the first N pairs")
    return made


def add_result(made: argparse.ArgumentParser) -> None:
    """Add the option for the file of results."""
    made.add_argument("-o", "--out", type=Path, metavar="FILE.json", help="write the results")


def open_pairs(given: argparse.Namespace) -> Source:
    """Return the pairs that the options name."""
    return open_for_comparing(given.data, limit=given.limit)


def write_json(path: Path, result: object) -> None:
    """Write results, replacing a file only once the new one is whole."""
    text = json.dumps(result, indent=2, allow_nan=False)
    write_atomically(path, [(text + "\n").encode()])
