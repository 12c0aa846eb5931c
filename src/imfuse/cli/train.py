"""`imfuse train`: a paper's training procedure, on one's own pairs, within a budget."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli.console import JsonOption, parse_settings, print_json, say, show
from imfuse.errors import UsageError

if TYPE_CHECKING:
    from imfuse.learn.run import Run
    from imfuse.learn.trainer.loop import Progress

_LINE_EVERY = 30.0
"""Seconds between two lines on how far a training is, where there is no terminal."""


def complete_recipe(incomplete: str) -> list[str]:
    """Complete the name of a recipe in the shell."""
    from imfuse.learn.recipes.table import RECIPES

    return [name for name in RECIPES if name.startswith(incomplete)]


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="Name of the recipe: whose training procedure.", autocompletion=complete_recipe
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="Folder of pairs, or scenes:N. Give it again for more."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="30m, 2h or 5000it, to which the schedule is scaled. Default: all of it."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Values of the `paper` (default), or of its code: `release`.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="Settings, or the config.yaml of another run."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Setting, such as seed=7 or batch=4."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was interrupted.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, gpu, or a number of GPUs.")] = "auto",
    layout: Annotated[
        str | None, typer.Option(help="Name of the layout, where the folder does not show it.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Take every so many frames of video.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show stages and settings, and train nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network as its paper describes, and write a model that `imfuse fuse` runs.

    Recipes: bffr, psfusion, refinefuse, scgrfuse, seafusion, smfnet.

    For example `imfuse train seafusion --data MSRS --data scenes:200 -o run --budget 2h`, then
    `imfuse fuse ir.png vis.png -o fused.png -m run/model.onnx`. The folder of the run holds the
    log, previews, the state to --resume from, weights, model and a card of what was done.

    `imfuse train NAME --data DIR --dry-run` shows all settings of a recipe. By torchrun, several
    processes share each batch.
    """
    changes = parse_settings(settings or [])
    given = {
        "recipe": recipe,
        "data": data,
        "preset": preset,
        "budget": budget,
        "layout": layout,
        "stride": stride,
    }
    from imfuse.learn.order import make_order
    from imfuse.learn.run import execute, prepare, reopen
    from imfuse.learn.trainer.settings import read_settings

    base = {} if config is None else read_settings(config)
    if resume:
        folder = folder_of(out)
        anything = base or changes or any(value is not None for value in given.values())
        order = make_order(base, given, changes, device) if recipe and anything else None
        if anything and order is None:
            expected = "--resume and -o alone, or the whole command that began it"
            raise UsageError("part of a command", expected=expected)
        run, state = reopen(folder, order, device)
        if run.fabric.is_global_zero:
            say(f"going on after step {state.total} of {sum(run.steps)}")
    else:
        order = make_order(base, given, changes, device)
        folder = Path() if dry_run else folder_of(out)
        if order.budget is not None and not order.budget.endswith("it"):
            say(f"trying a few steps, to see how many make {order.budget}")
        run, state = prepare(order), None
    if dry_run:
        show_plan(run, as_json=as_json)
        return
    if run.fabric.is_global_zero:
        say(plan_line(run))
    with watching(run) as watch:
        card = execute(run, folder, state, watch)
    if not run.fabric.is_global_zero:
        return
    for symbol, value in card.scores.items():
        say(f"  {symbol:<6}{value:8.4f}")
    say(f"use it: imfuse fuse IR VIS -o OUT -m {folder / 'model.onnx'}")
    if as_json:
        print_json({"run": str(folder), **card.model_dump(mode="json")})


def folder_of(out: Path | None) -> Path:
    """Return the folder of a run, or refuse to do without."""
    if out is None:
        raise UsageError("no folder for the run", expected="-o RUN")
    return out


def plan_line(run: "Run") -> str:
    """Return what a run is about to do, in one line."""
    planned, steps = sum(stage.steps for stage in run.plan), sum(run.steps)
    scale = (
        "" if planned == steps else f", {steps / planned:.2%} of the {planned} of the full schedule"
    )
    held = 0 if run.held_out is None else len(run.held_out)
    return (
        f"{run.recipe.name} on {len(run.source)} pairs ({held} held out): "
        f"{steps} steps in {len(run.plan)} stages{scale}; {run.config['precision']}"
    )


def show_plan(run: "Run", *, as_json: bool) -> None:
    """Print stages and settings."""
    stages = [
        {"name": planned.name, "steps": steps, "planned": planned.steps}
        for planned, steps in zip(run.plan, run.steps, strict=True)
    ]
    if as_json:
        print_json({**run.config, "stages": stages})
        return
    from imfuse.learn.trainer.settings import explained

    show(plan_line(run))
    for stage in stages:
        show(f"  {stage['name']:<24}{stage['steps']:>9} of {stage['planned']} steps")
    show("settings (change one by --set KEY=VALUE):")
    for line in explained(run.recipe.settings):
        show(f"  {line}")


@contextmanager
def watching(run: "Run") -> Generator[Callable[["Progress"], None]]:
    """Show progress: a bar on a terminal, now and then a line elsewhere."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = [
        TextColumn("{task.fields[stage]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  {task.fields[left]} left"),
    ]
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=sum(run.steps), stage="", loss=0.0, left="-")
        said = 0.0

        def watch(progress: "Progress") -> None:
            nonlocal said
            left = duration(progress.left)
            bar.update(
                task,
                completed=progress.step,
                stage=progress.stage,
                loss=progress.loss,
                left=left,
            )
            now = time.monotonic()
            done = progress.step == progress.steps
            if not console.is_terminal and (done or now - said > _LINE_EVERY):
                said = now
                say(
                    f"{progress.stage}: step {progress.step} of {progress.steps}, "
                    f"loss {progress.loss:.4f}, {left} left"
                )

        yield watch


def duration(seconds: float) -> str:
    """Return a time for humans, such as `1 h 20 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
