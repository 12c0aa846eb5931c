"""The only place that keeps state between the frames of a stream."""

from typing import TYPE_CHECKING, Any

import numpy as np

from imfuse.falsecolour import recovered
from imfuse.fuser import Fuser
from imfuse.infrared import as_one_of_many
from imfuse.io.inputs import as_picture
from imfuse.options import FuseOptions, InfraredRange
from imfuse.ranges import pooled_range, sample_infrared
from imfuse.types import Float, FusedImage, ImagePair, Picture, Registration

if TYPE_CHECKING:
    from imfuse.io.inputs import ImageLike

_KEPT = 0.9
"""Weight of the range and the scene so far at each new frame: they settle within a second or so."""


class Session:
    """Fuses the frames of two cameras one after the other.

    If the options ask for a range by percentiles (`auto`), frames fused on their own would each
    get their own range, and the video would flicker; a session lets the range follow slowly. So
    do `tone`, and what `imfuse-b` and `imfuse-s` take the scene for, such as day or night. The
    cameras are registered once, with the first frame, and again when sizes change. Only one thread
    at a time may push frames.

    Args:
        options: How to fuse; see `imfuse.Fuser`.
        changes: Options by name that replace those of `options`.

    Examples:
        >>> import numpy as np
        >>> session = Session("max", ir_range="auto")
        >>> frame = np.arange(12, dtype=np.uint16).reshape(3, 4) + 3000
        >>> session.push(frame, np.zeros((3, 4), np.uint8)).pixels.max()
        np.uint8(255)
    """

    def __init__(self, options: "FuseOptions | Fuser | str | None" = None, **changes: Any) -> None:
        self.fuser = options if isinstance(options, Fuser) else Fuser(options, **changes)
        self._range: InfraredRange | None = None
        self._kind: str | None = None
        self._registration: Registration | None = None
        self._scene: Float | None = None
        self._sizes: tuple[tuple[int, int], tuple[int, int]] | None = None

    def push(self, ir: "ImageLike | Picture", vis: "ImageLike | Picture") -> FusedImage:
        """Fuse the next frame.

        Args:
            ir: Infrared frame, of any kind that `imfuse.fuse` takes.
            vis: Visible frame, likewise.

        Raises:
            ImfuseError: See `Fuser.fuse`. The state is then unchanged.
        """
        limit = self.fuser.options.max_pixels
        found = as_picture(ir, "infrared", limit, self.fuser.options.reading)
        infrared = recovered(as_one_of_many(found), self.fuser.options)
        pair = ImagePair(ir=infrared, vis=as_picture(vis, "visible", limit))
        sizes = (pair.ir.size, pair.vis.size)
        registration = self._registration if sizes == self._sizes else None
        if registration is None:
            registration = self.fuser.aligner.register(pair)
        ir_range, kind = self._next_range(pair.ir)
        # Another range gives the infrared picture another brightness: that is a new scene.
        before = self._scene if sizes == self._sizes and kind == self._kind else None
        followed: list[Float] = []

        def steady(found: Float) -> Float:
            kept = found if before is None else _KEPT * before + (1 - _KEPT) * found
            followed.append(np.asarray(kept, np.float32))
            return followed[-1]

        fused = self.fuser.fuse(pair, ir_range=ir_range, registration=registration, steady=steady)
        self._scene = followed[-1] if followed else None
        self._registration, self._sizes = registration, sizes
        self._range, self._kind = ir_range, kind
        return fused

    def _next_range(self, ir: Picture) -> tuple[InfraredRange | None, str | None]:
        """Return the range of a frame, with percentiles smoothed, and the kind of its values.

        Values of another type or unit start a range of their own.
        """
        wanted = self.fuser.options.infrared_range
        if wanted is None or not wanted.percent:
            return None, None
        sample = sample_infrared(ir)
        found = pooled_range([sample], wanted, file=ir.name)
        before = self._range
        if before is None or sample.kind != self._kind:
            return found, sample.kind
        low = _KEPT * before.low + (1 - _KEPT) * found.low
        high = _KEPT * before.high + (1 - _KEPT) * found.high
        return InfraredRange(low, high), sample.kind
