"""Infrared ranges shared by many pictures: percentiles over a folder, or over a stream so far."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from imfuse.errors import BadValues
from imfuse.infrared import calibration_of, ends_of, missing_in
from imfuse.jobs import run_jobs
from imfuse.options import InfraredRange
from imfuse.samples import sample_values, spread
from imfuse.types import Float, Picture


@dataclass(frozen=True, eq=False)
class Sample:
    """Values that represent an infrared picture, in the units of `--ir-range`.

    Attributes:
        values: `(N,)`, without dead pixels, telemetry rows and pixels without data.
        kind: Unit of the values, or the type of the pixels if the unit is not known.
        name: Name of the picture in messages.
    """

    values: Float
    kind: str
    name: str

    def __str__(self) -> str:
        """Return the kind, the range and the name for messages."""
        low, high = spread(self.values)
        return f"{self.kind} values from {low:g} to {high:g} in {self.name}"


def sample_infrared(picture: Picture) -> Sample:
    """Return values that represent an infrared picture."""
    known, missing = picture.calibration, missing_in(picture)
    kind = str(picture.pixels.dtype) if known is None else known.unit
    if missing is not None and missing.all():
        return Sample(np.empty(0, np.float32), kind, picture.name)
    slope, offset = calibration_of(picture)
    values = slope * sample_values(picture.pixels, missing) + offset
    return Sample(np.asarray(values, np.float32), kind, picture.name)


def pooled_range(
    samples: Iterable[Sample], wanted: InfraredRange, *, file: object = None
) -> InfraredRange:
    """Return the values of percentiles over many pictures together.

    Args:
        samples: Values of each picture.
        wanted: The percentiles.
        file: The folder or picture that an error names.

    Raises:
        BadValues: The pictures hold only one value, or none, or differ in type or unit.
    """
    values, first = [np.empty(0, np.float32)], None
    for sample in samples:
        if not sample.values.size:
            continue
        first = first or sample
        if sample.kind != first.kind:
            raise BadValues(
                f"the infrared pictures can't share a range of percentiles: {first}, {sample}",
                file=file,
                expected="pictures of one type and unit",
                remedy="Fuse each kind in a folder of its own.",
            )
        values.append(sample.values)
    low, high = ends_of(np.concatenate(values), wanted, file)
    return InfraredRange(low, high)


def shared_range(
    readers: Iterable[Callable[[], Picture]],
    wanted: InfraredRange,
    *,
    workers: int = 1,
    file: object = None,
) -> InfraredRange:
    """Return the values of percentiles over all infrared pictures of a folder.

    Args:
        readers: Functions that read one picture each. Pictures that can't be read are left out
            here, and reported when their pairs are processed.
        wanted: The percentiles. A range of values is returned as it is.
        workers: Number of pictures to read at the same time.
        file: The folder that an error names.

    Raises:
        BadValues: See `pooled_range`.
    """
    if not wanted.percent:
        return wanted

    def sample(read: Callable[[], Picture]) -> Sample:
        return sample_infrared(read())

    with closing(run_jobs(readers, (sample,), workers=workers, ordered=True)) as outcomes:
        samples = (one.value for one in outcomes if one.error is None)
        return pooled_range(samples, wanted, file=file)
