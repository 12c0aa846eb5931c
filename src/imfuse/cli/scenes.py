"""`imfuse scenes` and `imfuse demo`: rendered pairs, with known ground truth."""

from pathlib import Path
from typing import Annotated

import typer

from imfuse.cli.console import JsonOption, parse_size, print_json, say, show


def complete_kind(incomplete: str) -> list[str]:
    """Complete the kind of a scene in the shell."""
    from imfuse.scenes import SCENES

    return [kind for kind in [*SCENES, "random"] if kind.startswith(incomplete)]


def scenes(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for ir/ vis/ labels/ mask/.")],
    kind: Annotated[
        str, typer.Option(help="Kind of scene, or `random`.", autocompletion=complete_kind)
    ] = "random",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of pairs.")] = 8,
    size: Annotated[
        str, typer.Option(metavar="WIDTHxHEIGHT", help="Size of the pictures.")
    ] = "640x480",
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the first pair; each further pair adds 1.")
    ] = 0,
    misalign: Annotated[
        float, typer.Option(min=0, help="Shift the infrared picture by up to this many pixels.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Render labelled infrared and visible pairs of made-up scenes.

    Labels are the nine classes of MSRS; masks mark people, cars and bikes. With --misalign, flow/
    holds the true displacement in pixels (float32 NumPy files).
    """
    from imfuse.data.rendered import render_pairs

    pairs = render_pairs(
        out, [kind], count=count, size=parse_size(size), seed=seed, misalign=misalign
    )
    if as_json:
        print_json({"out": str(out), "pairs": pairs})
    else:
        say(f"{len(pairs)} pairs rendered into {out}")


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path(
        "demo-out"
    ),
    model: Annotated[str | None, typer.Option("--model", "-m", help="Method.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Render example pairs, fuse them, and write a page that shows them side by side."""
    from imfuse.demo import run_demo

    result = run_demo(out, model)
    if as_json:
        print_json(result)
        return
    show(f"pictures   {result['ir']}  {result['vis']}")
    show(f"fused      {result['fused']}  ({result['count']} pairs, {result['model']})")
    show(f"page       {result['page']}")
