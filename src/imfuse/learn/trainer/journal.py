"""What a training writes down: a line of JSON for each step, and the same for TensorBoard."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch.utils.tensorboard import SummaryWriter

from imfuse.io.atomic import write_atomically

LOG = "log.jsonl"
"""Name of the log in a run's folder."""


class Journal:
    """The log of a run: `log.jsonl`, and events for TensorBoard in `tensorboard/`.

    Args:
        folder: The run's folder.
        steps: Steps that are done; what an interrupted run wrote of later ones is dropped.
    """

    def __init__(self, folder: Path, steps: int = 0) -> None:
        path = folder / LOG
        kept = [line for line in read_lines(path) if line["step"] <= steps]
        write_atomically(path, [(json.dumps(line) + "\n").encode() for line in kept])
        self._file = path.open("a", encoding="utf-8", buffering=1)
        # TensorBoard hides what an interrupted run wrote behind the step at which this one begins.
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=steps + 1)

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes the files."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is still in memory, and close the files."""
        self._file.close()
        self._board.close()

    def write(self, line: Mapping[str, Any]) -> None:
        """Add the line of a step; numbers in it and in its `terms` go to TensorBoard."""
        self._file.write(json.dumps(line) + "\n")
        values = {k: v for k, v in line.items() if isinstance(v, float)}
        for name, value in {**values, **line.get("terms", {})}.items():
            self._board.add_scalar(f"{line['stage']}/{name}", value, line["step"])


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a log; what a killed run left of a last one is no line."""
    lines = []
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):
                lines.append(json.loads(text))
    return lines
