"""`imfuse convert` and `imfuse export`: weights from one kind of file to another."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imfuse.cli.console import JsonOption, parse_settings, print_json, say
from imfuse.errors import OutputError, UsageError


class Target(StrEnum):
    """Kinds of file that networks can be exported to."""

    onnx = "onnx"


def convert(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE... OUT.safetensors",
            help="Published file of weights (or the files over which it is spread), then the "
            "file to write.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Setting of the network, as it was built."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn weights that others published into a file of ours.

    The network is recognised by the names of the weights; nothing in the file is executed.
    `imfuse models list` shows the networks, `imfuse models info NAME` where weights are published.

    For example `imfuse convert SeAFusion.pth seafusion.safetensors`, or
    `imfuse convert CDDFuse_MIF.pth medical.safetensors --set residual=none`.
    """
    if len(files) < 2:
        raise UsageError("one file", expected="the files to read, then the file to write")
    *sources, out = files
    if out.suffix != ".safetensors":
        raise UsageError(f"can't write {out}", expected="a name ending in .safetensors")
    _check_folder(out)
    from imfuse.learn.checkpoints import load_foreign, save_weights

    loaded = load_foreign(*sources, settings=parse_settings(settings or []))
    save_weights(out, loaded.network, settings=loaded.settings, origin=loaded.origin)
    say(f"{out}: {loaded.network.name}, {loaded.network.parameters_count:,} parameters")
    say(f"licence of these weights: {loaded.origin.licence}")
    if as_json:
        print_json(
            {
                "out": str(out),
                "network": loaded.network.name,
                "parameters": loaded.network.parameters_count,
                "settings": dict(loaded.settings),
                **asdict(loaded.origin),
            }
        )


def export(
    checkpoint: Annotated[Path, typer.Argument(help="File of weights, ours or a published one.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write. Default: beside CHECKPOINT."),
    ] = None,
    to: Annotated[Target, typer.Option(help="Kind of file.")] = Target.onnx,
    as_json: JsonOption = False,
) -> None:
    """Write a network as a file that runs without PyTorch, and compare the two.

    For example `imfuse export seafusion.safetensors`, then
    `imfuse fuse ir.png vis.png -o fused.png -m seafusion.onnx`.
    """
    target = out or checkpoint.with_suffix(f".{to.value}")
    if target.suffix != f".{to.value}":
        raise UsageError(f"can't write {target}", expected=f"a name ending in .{to.value}")
    if target == checkpoint:
        raise UsageError(
            f"{checkpoint} is an ONNX file already", remedy="Write another one: -o OUT."
        )
    _check_folder(target)
    from imfuse.learn.checkpoints import load_weights
    from imfuse.learn.export import export_onnx

    loaded = load_weights(checkpoint)
    spec = loaded.network.spec(loaded.origin)
    difference = export_onnx(loaded.network, target, spec, settings=loaded.settings)
    say(f"{target}: {spec.name}, differs from PyTorch by at most {difference:.1g}")
    if as_json:
        print_json({"out": str(target), "network": spec.name, "difference": difference})


def _check_folder(out: Path) -> None:
    """Refuse what could only fail after the work is done."""
    if not out.parent.is_dir():
        raise OutputError("its folder does not exist", file=out, remedy="Make the folder first.")
