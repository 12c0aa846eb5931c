"""`imfuse train`: a paper's training procedure, on your own pairs, within a budget."""

from pathlib import Path
from typing import Annotated

import typer

from imfuse.cli.console import JsonOption, parse_settings
from imfuse.cli.data import LayoutOption
from imfuse.cli.training import (
    BudgetOption,
    ConfigOption,
    DataOption,
    DeviceOption,
    DryRunOption,
    PresetOption,
    ResumeOption,
    RunOption,
    SetOption,
    carry_out,
)


def complete_recipe(incomplete: str) -> list[str]:
    """Complete the name of a recipe in the shell."""
    from imfuse.learn.recipes.table import RECIPES

    return [name for name in RECIPES if name.startswith(incomplete)]


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="Name of the recipe.", autocompletion=complete_recipe),
    ] = None,
    data: DataOption = None,
    out: RunOption = None,
    budget: BudgetOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    guide: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.onnx",
            help="Frozen detector, or segmenter trained by imfuse: a last stage makes it see in "
            "the fused picture what it sees in either source, without labels; repeatable.",
        ),
    ] = None,
    resume: ResumeOption = False,
    device: DeviceOption = "auto",
    layout: LayoutOption = None,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Take every N-th frame of video.")
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network as its paper describes, and write a model that `imfuse fuse` runs.

    Recipes: bffr, imfuse-b, imfuse-s, psfusion, refinefuse, scgrfuse, seafusion, smfnet.

    For example `imfuse train seafusion --data MSRS --data scenes:200 -o run --budget 2h`, then
    `imfuse fuse ir.png vis.png -o fused.png -m run/model.onnx`. The folder of the run holds the
    log, previews, the checkpoint for --resume, weights, model and a card that describes the run.

    `imfuse train NAME --data DIR --dry-run` shows all settings of a recipe. With torchrun, several
    processes share each batch.
    """
    changes = parse_settings(settings or [])
    changes |= {"guidance.networks": list(map(str, guide))} if guide else {}
    given = {
        "recipe": recipe,
        "data": data,
        "preset": preset,
        "budget": budget,
        "layout": layout,
        "stride": stride,
    }
    carry_out(
        given,
        changes,
        kind="recipe",
        config=config,
        out=out,
        resume=resume,
        device=device,
        dry_run=dry_run,
        as_json=as_json,
    )
