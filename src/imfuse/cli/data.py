"""`imfuse data`: list, check and download datasets of pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli.console import JsonOption, counted, print_json, print_table, say, say_list, show

if TYPE_CHECKING:
    from imfuse.data.findings import Report
    from imfuse.data.layouts import Layout

app = typer.Typer(no_args_is_help=True, help="List, check and download datasets of pairs.")

_PROBLEMS = 3


def complete_layout(incomplete: str) -> list[str]:
    """Complete the name of a layout in the shell."""
    from imfuse.data.catalogue import LAYOUTS

    return [name for name in LAYOUTS if name.startswith(incomplete)]


LayoutOption = Annotated[
    str | None,
    typer.Option(
        help="Name of the layout, if the folder does not show it.",
        autocompletion=complete_layout,
    ),
]


def complete_origin(incomplete: str) -> list[str]:
    """Complete the name of a downloadable dataset in the shell."""
    from imfuse.data.catalogue import LAYOUTS

    names = (name for name, layout in LAYOUTS.items() if layout.origin is not None)
    return [name for name in names if name.startswith(incomplete)]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the datasets whose layout imfuse knows, with official counts and terms."""
    from imfuse.data.catalogue import LAYOUTS, SCENES

    layouts = [*LAYOUTS.values(), SCENES]
    if as_json:
        print_json([_row(layout) for layout in layouts])
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("name", "pairs", "labels", box=None, pad_edge=False)
    table.add_column("what it is", min_width=40)
    table.add_column("terms", min_width=30)
    for layout in layouts:
        mark = " *" if layout.origin is not None else ""
        counts = ", ".join(f"{split} {n}".strip() for split, n in layout.counts.items())
        classes = f"{len(layout.classes)} classes" if layout.classes else ""
        about = escape(layout.title), escape(layout.terms)
        table.add_row(f"{layout.name}{mark}", counts, classes, *about)
    print_table(table)
    show("* `imfuse data get NAME DIR` downloads it")


def _row(layout: "Layout") -> dict[str, object]:
    origin = layout.origin
    return {
        "name": layout.name,
        "title": layout.title,
        "counts": dict(layout.counts),
        "size": None if layout.size is None else list(layout.size),
        "classes": list(layout.classes),
        "test_only": layout.test_only,
        "terms": layout.terms,
        "source": layout.source,
        "download": None
        if origin is None
        else {"repository": origin.repository, "commit": origin.commit},
    }


@app.command()
def check(
    data: Annotated[str, typer.Argument(metavar="DIR", help="Folder of a dataset, or `scenes:N`.")],
    layout: LayoutOption = None,
    classes: Annotated[
        int,
        typer.Option(
            min=0, max=255, help="Number of classes in the labels, if the dataset does not say."
        ),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Read every pair of a dataset, and report what is missing, broken, displaced or repeated.

    Exits with 3 if anything is wrong.
    """
    from imfuse.cli.progress import track
    from imfuse.data.checks import examine, report
    from imfuse.data.opening import open_source

    source = open_source(data, layout=layout)
    examined = list(track(examine(source, classes=classes), len(source), "reading"))
    result = report(source, examined)
    if as_json:
        print_json({"data": data, **result.as_dict()})
    else:
        _show(result)
    if result.findings:
        raise typer.Exit(_PROBLEMS)


def _show(result: "Report") -> None:
    show(f"{result.layout}: {result.title}")
    for split, count in result.pairs.items():
        official = result.official.get(split)
        known = "" if official is None else f"  (official: {official})"
        show(f"  {split or 'pairs':<10}{count}{known}")
    sizes = [f"{size} ({count})" for size, count in result.sizes.items()]
    more = f" and {len(sizes) - 4} more sizes" if len(sizes) > 4 else ""
    show(f"  {'sizes':<10}{', '.join(sizes[:4])}{more}")
    show(f"  {'labelled':<10}{result.labelled}")
    if result.boxed:
        classes = ", ".join(f"{name} {count}" for name, count in result.boxes.items())
        show(f"  {'boxes':<10}{sum(result.boxes.values())} in {result.boxed} pairs  ({classes})")
    if result.unsure:
        say_list("pairs that don't show whether they lie pixel on pixel", list(result.unsure))
    if result.terms:
        show(f"  {'terms':<10}{result.terms}")
    kinds = dict.fromkeys(finding.kind for finding in result.findings)
    for kind in kinds:
        found = [f"{f.where}: {f.message}" for f in result.findings if f.kind == kind]
        say_list(kind, found)
    show("no problems" if not result.findings else counted(len(result.findings), "problem"))


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="Name of a dataset.", autocompletion=complete_origin)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to download it into.")],
    mirror: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address of a mirror: a folder that this command filled."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a dataset from where its authors published it, and verify each file.

    Run it again after an interruption: complete files are kept, and the rest continues where it
    stopped.
    """
    from imfuse.cli.progress import track
    from imfuse.data.catalogue import find_layout
    from imfuse.data.download import fetch, plan

    layout = find_layout(name)
    files = plan(layout, mirror)
    say(f"{layout.title}: {len(files)} files from {layout.source}\nterms: {layout.terms}")
    done = list(track(fetch(layout, files, folder, mirror), len(files), "getting", unit="files"))
    fetched = sum(one.bytes_fetched for one in done)
    if as_json:
        print_json({"name": name, "dir": str(folder), "files": len(done), "bytes": fetched})
    else:
        show(f"{len(done)} files in {folder}, {fetched / 1e6:.1f} MB of them fetched now")
