"""Literal tables from names to the objects that implement them, imported only on demand.

Packages outside imfuse add methods through the entry point group `imfuse.methods`, whose values
point to an `imfuse.types.Engine`, like those of the table here.
"""

from functools import cache
from importlib.metadata import entry_points

from imfuse.errors import ImfuseError
from imfuse.lookup import import_target, look_up
from imfuse.types import Engine

METHODS = {
    "average": "imfuse.engines.classical.pixelwise:AVERAGE",
    "max": "imfuse.engines.classical.pixelwise:MAX",
    "laplacian": "imfuse.engines.classical.pyramid:LAPLACIAN",
    "laplacian-max": "imfuse.engines.classical.pyramid:LAPLACIAN_MAX",
    "dwt": "imfuse.engines.classical.wavelet:DWT",
    "dtcwt": "imfuse.engines.classical.wavelet:DTCWT",
    "gff": "imfuse.engines.classical.guided:GFF",
    "gtf": "imfuse.engines.classical.gradient_transfer:GTF",
    "mst-sr": "imfuse.engines.classical.sparse:MST_SR",
}

DEFAULT_METHOD = "imfuse-b"
"""Method of those who name none: one of the table above, or a network that is part of imfuse."""


@cache
def _methods() -> dict[str, str]:
    """Return the table with plug-ins added; a plug-in can't replace a built-in method."""
    return {p.name: p.value for p in entry_points(group="imfuse.methods")} | METHODS


def method_names() -> list[str]:
    """Return the names of all methods, ours first, in the order of the table."""
    return [*METHODS, *sorted(set(_methods()) - set(METHODS))]


def find_method(name: str) -> Engine:
    """Return the engine with this name.

    Raises:
        UnknownName: No method has this name; the message suggests the closest ones.
        ImfuseError: The package behind a plug-in can't be imported.
    """
    target = look_up("method", name, _methods())
    try:
        engine: Engine = import_target(target)
    except (ImportError, AttributeError) as error:
        if name in METHODS:
            raise
        found = f"the plug-in method {name!r} ({target}) can't be loaded: {error}"
        remedy = "Update or uninstall the package that brings it."
        raise ImfuseError(found, remedy=remedy) from error
    return engine
