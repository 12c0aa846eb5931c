"""Options and work that `imfuse train` and `imfuse segment train` share."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imfuse.cli.console import print_json, say, show
from imfuse.errors import UsageError

if TYPE_CHECKING:
    from imfuse.learn.recipes.table import Kind
    from imfuse.learn.training.loop import Progress
    from imfuse.learn.training.setup import Run
    from imfuse.learn.training.state import State

_LINE_EVERY = 30.0
"""Seconds between two lines of progress, where there is no terminal."""

DataOption = Annotated[
    list[str] | None,
    typer.Option(metavar="DIR", help="Folder of pairs, or scenes:N; repeatable."),
]
RunOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run.")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(help="Length, such as 30m, 2h or 5000it. Default: the whole schedule."),
]
PresetOption = Annotated[str | None, typer.Option(help="Preset of the settings. Default: paper.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE.yaml", help="Settings, or the config.yaml of another run."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as seed=7 or batch=4."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, gpu, or a number of GPUs.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show stages and settings without training.")
]


def carry_out(
    given: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    kind: "Kind",
    config: Path | None,
    out: Path | None,
    resume: bool,
    device: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train, or resume an interrupted run, and report the result.

    Args:
        given: Fields of the configuration; None for each that was not given.
        changes: Settings that were given.
        kind: The kind of recipe.
        config: File of settings.
        out: Folder of the run.
        resume: True to resume the run in that folder.
        device: Where to train.
        dry_run: True to show stages and settings instead of training.
        as_json: True to print the card, or the settings, as JSON.

    Raises:
        UsageError: The options do not fit together.
    """
    run, state, folder = _set_up(
        given,
        changes,
        kind=kind,
        config=config,
        out=out,
        resume=resume,
        device=device,
        dry_run=dry_run,
    )
    if dry_run:
        _tell_left_out(run)
        _show_plan(run, changes, as_json=as_json)
        return
    if run.fabric.is_global_zero:
        _tell_left_out(run)
        say(_plan_line(run))
        _tell_sizes(run, changes, _memory(run))
    from imfuse.learn.training.run import execute

    with watching() as watch:
        card = execute(run, folder, state, watch)
    if not run.fabric.is_global_zero:
        return
    for symbol, value in card.scores.items():
        say(f"  {symbol:<6}{value:8.4f}")
    say(f"use it: {run.recipe.use.format(model=folder / 'model.onnx')}")
    if as_json:
        print_json({"run": str(folder), **card.model_dump(mode="json")})


def _set_up(
    given: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    kind: "Kind",
    config: Path | None,
    out: Path | None,
    resume: bool,
    device: str,
    dry_run: bool,
) -> "tuple[Run, State | None, Path]":
    """Return the run, the state to resume from (or None), and the folder."""
    from imfuse.io.yaml_file import read_yaml
    from imfuse.learn.training.budget import parse_budget
    from imfuse.learn.training.config import FREE, make_config
    from imfuse.learn.training.folder import check_folder
    from imfuse.learn.training.setup import prepare, reopen

    base = {} if config is None else read_yaml(config)
    if not resume:
        asked = make_config(base, given, changes, kind)
        folder = Path() if dry_run else _folder_of(out)
        timed = asked.budget is not None and parse_budget(asked.budget).steps is None
        if not dry_run:
            check_folder(folder)
        if timed and asked.steps is None:
            say(f"trying a few steps, to see how many fit into {asked.budget}")
        return prepare(asked, device=device), None, folder
    folder = _folder_of(out)
    free = {name: value for name, value in changes.items() if name in FREE}
    anything = base or changes != free or any(value is not None for value in given.values())
    if anything and not given["recipe"]:
        expected = (
            f"--resume and -o, with no other settings than {', '.join(FREE)}, or the whole command "
            "that started the run"
        )
        raise UsageError("part of a command", expected=expected)
    begun = make_config(base, given, changes, kind) if anything else None
    run, state = reopen(folder, begun, device=device, changes=free, kind=kind)
    if run.fabric.is_global_zero:
        if state is None:
            say("it was stopped before its first checkpoint, and begins again")
        else:
            say(f"resuming after step {state.total} of {sum(run.steps)}")
    return run, state, folder


def _folder_of(out: Path | None) -> Path:
    """Return the folder of a run; refuse to go on without one."""
    if out is None:
        raise UsageError("no folder for the run", expected="-o RUN")
    return out


def _tell_left_out(run: "Run") -> None:
    """Print which files of the data make no pair."""
    left_out = run.source.unmatched
    if left_out:
        path, reason = left_out[0]
        say(
            f"{len(left_out)} files make no pair and are left out, such as {path} ({reason}); "
            "`imfuse data check DIR` names them"
        )


def _plan_line(run: "Run") -> str:
    """Return a line that says what the run will do."""
    planned, steps = sum(stage.steps for stage in run.plan), sum(run.steps)
    scale = (
        "" if planned == steps else f", {steps / planned:.2%} of the {planned} of the full schedule"
    )
    held = 0 if run.held_out is None else len(run.held_out)
    stages = "one stage" if len(run.plan) == 1 else f"{len(run.plan)} stages"
    return (
        f"{run.recipe.name} on {len(run.source)} pairs ({held} held out): "
        f"{steps} steps in {stages}{scale}; {run.config.precision}"
    )


def _memory(run: "Run") -> list[int]:
    """Return roughly how many bytes a step of each stage takes."""
    from imfuse.learn.training.memory import stage_bytes

    return stage_bytes(run)


def _tell_sizes(run: "Run", changes: Mapping[str, Any], needed: list[int]) -> None:
    """Warn of stages that a given batch or crop does not apply to, and of too little memory."""
    from imfuse.learn.recipes.settings import value_of
    from imfuse.learn.training.memory import memory_warnings

    for kind in ("batch", "crop"):
        others = {getattr(stage, kind) for stage in run.plan} - {kind, *changes}
        for other in sorted(others if kind in changes else ()):
            stages = [stage.name for stage in run.plan if getattr(stage, kind) == other]
            more = f" and {len(stages) - 1} more" if len(stages) > 1 else ""
            value = json.dumps(value_of(run.recipe.settings, other))
            say(f"{kind} does not apply to the stage {stages[0]}{more}: there, {other}={value}")
    for line in memory_warnings(run, needed):
        say(f"warning: {line}")


def _show_plan(run: "Run", changes: Mapping[str, Any], *, as_json: bool) -> None:
    """Print stages and settings."""
    from imfuse.learn.recipes.settings import value_of

    needed = _memory(run)
    _tell_sizes(run, changes, needed)
    stages = [
        {
            "name": planned.name,
            "steps": steps,
            "planned": planned.steps,
            "batch": value_of(run.recipe.settings, planned.batch),
            "batch_setting": planned.batch,
            "crop": value_of(run.recipe.settings, planned.crop),
            "crop_setting": planned.crop,
            "memory": memory,
        }
        for planned, steps, memory in zip(run.plan, run.steps, needed, strict=True)
    ]
    if as_json:
        print_json({**run.config.model_dump(mode="json"), "stages": stages})
        return
    from imfuse.learn.training.settings import explained

    show(_plan_line(run))
    for stage in stages:
        crop = "whole" if stage["crop"] is None else "{}x{}".format(*stage["crop"])
        show(
            f"  {stage['name']:<20}{stage['steps']:>7} of {stage['planned']} steps, "
            f"{stage['batch_setting']}={stage['batch']}, {stage['crop_setting']}={crop}, "
            f"up to {stage['memory'] / 1e9:.1f} GB"
        )
    show("settings (change one by --set KEY=VALUE):")
    for line in explained(run.recipe.settings):
        show(f"  {line}")


@contextmanager
def watching() -> Generator[Callable[["Progress"], None]]:
    """Show progress: a bar on a terminal, a line every half minute elsewhere."""
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
        task = bar.add_task("", total=None, stage="", loss=0.0, left="-")
        said = 0.0

        def watch(progress: "Progress") -> None:
            nonlocal said
            left = _duration(progress.left)
            bar.update(
                task,
                total=progress.steps,
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


def _duration(seconds: float) -> str:
    """Return a time for humans, such as `1 h 20 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
