"""`imfuse inspect`: the content of picture files, and the command to use next."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli import thermal
from imfuse.cli.console import JsonOption, print_json, say, show
from imfuse.cli.suggested import suggested
from imfuse.errors import ImfuseError

if TYPE_CHECKING:
    from imfuse.inspection import Inspection


def inspect(
    files: Annotated[list[Path], typer.Argument(help="Picture files, thermal or not.")],
    ir_unit: thermal.UnitOption = None,
    emissivity: thermal.EmissivityOption = None,
    reflected: thermal.ReflectedOption = None,
    atmosphere: thermal.AtmosphereOption = None,
    distance: thermal.DistanceOption = None,
    humidity: thermal.HumidityOption = None,
    window_temperature: thermal.WindowTemperatureOption = None,
    window_transmission: thermal.WindowTransmissionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what picture files hold: camera, size, depth, unit, range, time, pictures inside.

    Thermal files also tell the conditions of the measurement and where each comes from. The last
    line is the command to use next.
    """
    from imfuse.inspection import inspect as look
    from imfuse.options import FuseOptions

    options = FuseOptions(
        ir_unit=None if ir_unit is None else ir_unit.value,
        ir_range="auto",
        emissivity=emissivity,
        reflected=reflected,
        atmosphere=atmosphere,
        distance=distance,
        humidity=humidity,
        window_temperature=window_temperature,
        window_transmission=window_transmission,
    )
    found, failed = [], []
    for file in files:
        try:
            found.append(look(file, reading=options.reading))
        except ImfuseError as error:
            failed.append({"file": str(file), **error.as_dict(), "error": str(error)})
            say(f"error: {error}")
            continue
        if not as_json:
            for line in _lines(found[-1]):
                show(line)
    if as_json:
        rows = [{**one.as_dict(), "next": suggested(one)} for one in found]
        print_json({"files": rows, "failed": failed})
    if failed:
        sys.exit(ImfuseError.exit_code)


def _lines(facts: "Inspection") -> list[str]:
    """Return what a file holds, in words."""
    depth = f"{facts.bits}-bit float" if facts.numbers == "float" else f"{facts.bits} bits"
    depth += " with sign" if facts.numbers == "signed" else ""
    colour = "colour" if facts.channels == 3 else "gray"
    size = f"{facts.width}x{facts.height}, {depth}, {colour}"
    unit = thermal.UNITS.get(facts.unit or "", "")
    percentiles = ", ".join(
        f"{'median' if part == 50 else f'{part} %'} {value:.5g}"
        for part, value in facts.percentiles.items()
    )
    rows = [
        ("", ", ".join(one for one in (facts.kind, facts.camera, facts.time) if one)),
        ("size", size + (" with alpha" if facts.alpha else "")),
        ("values", f"{facts.least:.5g} to {facts.most:.5g}{unit} ({percentiles})"),
    ]
    if facts.unit is None:
        rows.append(("unit", "not known"))
    if facts.missing:
        rows.append(("missing", f"{facts.missing:,} pixels have no value"))
    if facts.shown is not None:
        low, high = facts.shown
        rows.append(("shown", f"{low:.5g} to {high:.5g}{unit}, by the camera"))
    rows += [
        (one.name.replace("_", " "), f"{one.value:.4g} {one.unit}".strip() + f" ({one.source})")
        for one in facts.parameters
    ]
    rows += _more(facts)
    width = max(len(title) for title, _ in rows) + 2
    return [
        facts.file,
        *(f"  {title:<{width}}{text}" if title else f"  {text}" for title, text in rows),
    ]


def _more(facts: "Inspection") -> list[tuple[str, str]]:
    rows = []
    if facts.preview is not None:
        rows.append(("preview", f"{facts.preview[1]}x{facts.preview[0]}, which viewers show"))
    if facts.visible is not None:
        wide, high, kind = facts.visible
        text = f"{wide}x{high} {kind} inside"
        if facts.placement is None:
            text += "; how infrared lies on it is not told"
        else:
            right, down = facts.placement["right"], facts.placement["down"]
            ratio = facts.placement["ratio"]
            text += (
                f"; infrared covers {1 / ratio:.0%} of its width, off centre by {right:g}, {down:g}"
            )
        rows.append(("visible", text))
    if facts.keeps_temperature:
        rows.append(("second page", "temperatures in degrees Celsius"))
    if facts.fused_by is not None:
        rows.append(("fused by", facts.fused_by))
    rows += [("warning", note) for note in facts.notes]
    return [*rows, ("next", suggested(facts))]
