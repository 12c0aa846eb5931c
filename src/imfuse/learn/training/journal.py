"""The log of a training run: one line of JSON per step, and the same for TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch.utils.tensorboard import SummaryWriter

from imfuse.errors import OutputError
from imfuse.io.atomic import write_atomically
from imfuse.learn.training.folder import LOG
from imfuse.learn.training.nesting import check_nesting


class Journal:
    """The log of a run: `log.jsonl`, and events for TensorBoard in `tensorboard/`.

    Args:
        folder: The run's folder.
        steps: Number of steps that are done; later lines of an interrupted run are dropped.

    Raises:
        OutputError: The log can't be written, or was changed.
    """

    def __init__(self, folder: Path, steps: int = 0) -> None:
        path = folder / LOG
        kept = [line for line in read_lines(path) if line["step"] <= steps]
        write_atomically(path, [(json.dumps(line) + "\n").encode() for line in kept])
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
            # TensorBoard hides what an interrupted run wrote for the steps that this run repeats.
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=steps + 1)
        except OSError as error:
            found = f"can't write to it ({error.strerror})"
            raise OutputError(found, file=error.filename or path) from error

    def __enter__(self) -> Self:
        """Return the journal; leaving the block closes the files."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Flush and close the files."""
        self._file.close()
        self._board.close()

    def write(self, line: Mapping[str, Any]) -> None:
        """Add the line of a step; numbers in it and in its `terms` go to TensorBoard."""
        self._file.write(json.dumps(line) + "\n")
        values = {k: v for k, v in line.items() if isinstance(v, float)}
        for name, value in {**values, **line.get("terms", {})}.items():
            self._board.add_scalar(f"{line['stage']}/{name}", value, line["step"])


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log. An incomplete last line, of a killed run, is left out.

    Raises:
        OutputError: The file can't be read, or has a line that imfuse didn't write.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"can't read it ({error.strerror})", file=path) from error
    *whole, _ = content.split(b"\n")
    return [_line(text, number, path) for number, text in enumerate(whole, 1)]


def _line(text: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        line = json.loads(text)
        check_nesting(line)
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict) or type(line.get("step")) is not int:
        raise OutputError(
            f"line {number} is not a line of a training's log",
            file=path,
            expected="a JSON object with a whole number `step` on each line",
            remedy="Repair or delete the file; without it, resumed training starts a new log.",
        )
    return line
