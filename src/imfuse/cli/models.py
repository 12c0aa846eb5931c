"""`imfuse models`: what there is to fuse with."""

from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli.console import JsonOption, print_json, show
from imfuse.cli.fuse import complete_method

if TYPE_CHECKING:
    from imfuse.types import FusionSpec

app = typer.Typer(no_args_is_help=True, help="List the fusion methods, or show one.")


def _row(spec: "FusionSpec", *, default: bool) -> dict[str, object]:
    return {
        **spec.model_dump(mode="json"),
        "weights": spec.kind == "network",
        "default": default,
    }


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the methods that `imfuse fuse -m` takes."""
    from imfuse.registry import DEFAULT_METHOD, find_method, method_names

    specs = [find_method(name).spec for name in method_names()]
    if as_json:
        print_json([_row(spec, default=spec.name == DEFAULT_METHOD) for spec in specs])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "kind", "year", "parameters", "what it is", box=None, pad_edge=False)
    for spec in specs:
        mark = " *" if spec.name == DEFAULT_METHOD else ""
        year = "" if spec.year is None else str(spec.year)
        table.add_row(f"{spec.name}{mark}", spec.kind, year, f"{spec.parameters:,}", spec.title)
    Console().print(table)
    show("* the default")


@app.command()
def info(
    name: Annotated[
        str, typer.Argument(help="Name or .onnx file.", autocompletion=complete_method)
    ],
    as_json: JsonOption = False,
) -> None:
    """Show what a method says of itself: paper, cost, sizes, licence."""
    from imfuse.engines.load import load_engine
    from imfuse.registry import DEFAULT_METHOD

    spec = load_engine(name).spec
    if as_json:
        print_json(_row(spec, default=spec.name == DEFAULT_METHOD))
        return
    lines = {
        "paper": spec.paper or "-",
        "year": spec.year or "-",
        "kind": spec.kind,
        "visible input": spec.visible,
        "parameters": f"{spec.parameters:,}",
        "sizes": f"from {spec.size.minimum}x{spec.size.minimum} px (smaller and odd are padded)"
        if spec.size.minimum > 1 or spec.size.multiple > 1
        else "any",
        "large pictures": f"in tiles with {spec.tile.halo} px around"
        if spec.tile
        else "only as a whole",
        "memory": f"{spec.bytes_per_pixel} bytes per pixel",
        "infrared and visible exchangeable": "yes" if spec.symmetric else "no",
        "licence": spec.licence,
        "training data": spec.training_data or "none",
        "terms of that data": spec.training_terms or "-",
    }
    show(f"{spec.name}: {spec.title}")
    for title, value in lines.items():
        show(f"  {title:<34}{value}")
