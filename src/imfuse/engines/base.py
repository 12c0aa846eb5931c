"""Engines that consist of one pure function."""

from collections.abc import Callable
from dataclasses import dataclass

from imfuse.types import Float, FusionSpec


@dataclass(frozen=True)
class FunctionEngine:
    """A method that is one pure function of two arrays, like all classical methods."""

    spec: FusionSpec
    function: Callable[[Float, Float], Float]

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two arrays; see `imfuse.types.Engine.fuse`."""
        return self.function(ir, vis)
