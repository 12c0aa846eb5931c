"""The type of a metric: a function of three pictures, a description, and kits' conventions."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from numpy.typing import ArrayLike

from imfuse.metrics.planes import Plane, Trio

Convention: TypeAlias = Mapping[str, Any]
"""Keyword arguments of a metric's function; empty for our own definition."""

PLAIN: Convention = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """Description of a metric.

    Attributes:
        symbol: The field's acronym, which heads columns.
        title: Its name in words.
        unit: Unit of the value; empty for a plain number.
        better: Direction of better values.
        low: Least possible value; None: unbounded.
        high: Greatest possible value; None: unbounded.
        reference: Paper that defines it, or `folklore`.
        minimum: Smallest height and width in pixels for which it is defined.
        undefined: Other cases without a value, such as "a source is constant"; empty if there are
            none.
        symmetric: True if swapping infrared and visible leaves the value unchanged.
    """

    symbol: str
    title: str
    unit: str = ""
    better: Literal["higher", "lower"]
    low: float | None = 0.0
    high: float | None = None
    reference: str
    minimum: int = 1
    undefined: str = ""
    symmetric: bool = True


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric that can be called like a function.

    Attributes:
        info: Its description.
        compute: `compute(trio, **convention) -> float`; NaN or infinite where it is undefined.
        kits: From evaluation kit (a protocol's name) to that kit's convention; kits without the
            metric are left out.
        kit_names: From kit to its own name for the metric, where that is the symbol of another
            metric.
        variants: Further conventions met in the field, by a description in words, for `explain`.
    """

    info: MetricInfo
    compute: Callable[..., float]
    kits: Mapping[str, Convention] = field(default_factory=dict)
    kit_names: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, Convention] = field(default_factory=dict)

    def __call__(
        self,
        fused: ArrayLike,
        ir: ArrayLike,
        vis: ArrayLike,
        *,
        data_range: float,
        **convention: Any,
    ) -> float:
        """Return the value for three gray arrays.

        Args:
            fused: `(H, W)`, values from 0 to `data_range`.
            ir: Infrared source, likewise.
            vis: Visible source, likewise.
            data_range: Value of white: 1 for floats, 255 or 65535 for integers.
            convention: Departures from our definition, as keyword arguments of the metric's
                function.

        Returns:
            The value in `info.unit`; NaN where it is undefined (`info.undefined`).
        """
        return self.of(Trio.of(fused, ir, vis, data_range=data_range), convention)

    def of(self, trio: Trio, convention: Convention = PLAIN) -> float:
        """Return the value for three planes, NaN where it is undefined.

        The fused plane caches it, since most kits agree on most metrics.
        """
        if min(trio.shape) < self.info.minimum:
            return math.nan
        key = tuple(sorted(convention.items()))
        value = trio.fused.once(_value, self.compute, trio.ir, trio.vis, key)
        return value if math.isfinite(value) else math.nan

    def why_undefined(self, shape: tuple[int, int]) -> str:
        """Return the reason, in words, that there is no value for pictures of this shape."""
        least = self.info.minimum
        if min(shape) < least:
            return f"needs at least {least}x{least} pixels"
        return self.info.undefined


def _value(
    fused: Plane,
    compute: Callable[..., float],
    ir: Plane,
    vis: Plane,
    convention: tuple[tuple[str, Any], ...],
) -> float:
    return float(compute(Trio(fused, ir, vis), **dict(convention)))
