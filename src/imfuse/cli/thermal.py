"""Options of commands that read thermal files."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer


class UnitName(StrEnum):
    """Units that the numbers of an infrared file may be in."""

    celsius = "celsius"
    kelvin = "kelvin"
    fahrenheit = "fahrenheit"
    decicelsius = "decicelsius"
    centicelsius = "centicelsius"
    decikelvin = "decikelvin"
    centikelvin = "centikelvin"
    counts = "counts"
    preview = "preview"


UNITS = {"celsius": " °C", "kelvin": " K", "counts": " counts"}
"""Units of infrared values, as they stand behind numbers."""

_PANEL = "Thermal files"


def unit_of(history: Mapping[str, Any]) -> str:
    """Return the unit of the infrared values of a result, to stand behind a number, or nothing."""
    return UNITS.get((history.get("infrared") or {}).get("unit", ""), "")


def _condition(metavar: str, text: str) -> Any:  # noqa: ANN401 - Typer keeps its type to itself
    return typer.Option(metavar=metavar, help=text, rich_help_panel=_PANEL)


UnitOption = Annotated[
    UnitName | None,
    typer.Option(
        "--ir-unit",
        help="Unit of the numbers in an infrared file that does not say it. For thermal files: "
        "counts for raw numbers, preview for the picture that viewers show.",
        rich_help_panel=_PANEL,
    ),
]
EmissivityOption = Annotated[
    str | None, _condition("0.95|95%", "Emissivity, instead of the file's.")
]
ReflectedOption = Annotated[
    str | None, _condition("20C|293K|68F", "Reflected apparent temperature, instead of the file's.")
]
AtmosphereOption = Annotated[
    str | None, _condition("20C|293K|68F", "Temperature of the air, instead of the file's.")
]
DistanceOption = Annotated[
    str | None, _condition("METRES", "Distance of the camera, instead of the file's.")
]
HumidityOption = Annotated[
    str | None, _condition("0.5|50%", "Relative humidity, instead of the file's.")
]
WindowTemperatureOption = Annotated[
    str | None, _condition("20C|293K|68F", "Temperature of a window before the lens.")
]
WindowTransmissionOption = Annotated[
    str | None, _condition("0.95|95%", "Transmission of a window before the lens.")
]
KeepOption = Annotated[
    bool,
    typer.Option(
        "--keep-temperature",
        help="Write a TIFF whose second page keeps the temperatures in degrees Celsius, on the "
        "pixels of the result.",
        rich_help_panel=_PANEL,
    ),
]
