"""Progress of a run over many pictures: a bar on a terminal, nothing elsewhere."""

import time
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

_T = TypeVar("_T")


def track(
    results: Generator[_T, None, None], total: int, title: str, unit: str = "pairs"
) -> Generator[_T, None, None]:
    """Pass on what a run yields, and show its progress on stderr if that is a terminal.

    Closing this generator (or an interrupt) closes the run.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{{task.fields[rate]}} {unit}/s"),
        TimeRemainingColumn(),
    ]
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task(title, total=total, rate="-")
        started = time.perf_counter()
        with closing(results):
            for done, result in enumerate(results, start=1):
                rate = done / (time.perf_counter() - started)
                progress.update(task, advance=1, rate=f"{rate:.1f}")
                yield result
