"""`imfuse convert` and `imfuse export`: convert weights from one kind of file to another."""

import re
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from imfuse.cli.console import JsonOption, parse_settings, parse_words, print_json, say
from imfuse.errors import OutputError, UsageError


class Target(StrEnum):
    """Kinds of file that networks can be exported to."""

    onnx = "onnx"


class Bits(StrEnum):
    """Bits in which a file may store each weight."""

    whole = "32"
    half = "16"
    byte = "8"


_BITS: dict[Bits, Literal[8, 16, 32]] = {Bits.byte: 8, Bits.half: 16, Bits.whole: 32}


def convert(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE... [OUT]",
            help="Published file of weights (or the files that it is split into; FILE#NAME takes "
            "one of several state dicts), or an ONNX file; then the file to write, unless -o names "
            "it.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write: .safetensors, or .onnx for an ONNX file."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Setting that the network was built with. For an ONNX file: ir=NAME, vis=NAME, "
            "order=ir,vis, layout=nhwc, range=-1:1, output=NAME, output-range=0:255, overlap=N, "
            "halo=N, memory=BYTES, name=, title=, licence=.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert published weights into a file that imfuse runs.

    The network is recognised by the names of the weights; nothing in the file is executed.
    `imfuse models list` shows the networks, `imfuse models info NAME` where weights are published.

    An ONNX file of any network that fuses two pictures gets a description, so that `imfuse fuse -m`
    takes it: its inputs are recognised by their channels and names, a trial run checks the result,
    and --set gives what can't be found out.

    For example `imfuse convert SeAFusion.pth seafusion.safetensors`,
    `imfuse convert CDDFuse_MIF.pth medical.safetensors --set residual=none`, or
    `imfuse convert net.onnx -o described.onnx --set range=-1:1`.
    """
    if out is None and len(files) < 2:
        raise UsageError("one file", expected="the files to read, then the file to write")
    *sources, out = (*files, out) if out is not None else files
    if sources[0].suffix.lower() == ".onnx":
        if len(sources) > 1:
            raise UsageError(f"{len(sources)} files", expected="one ONNX file to read")
        _describe(sources[0], out, parse_words(settings or []), as_json=as_json)
        return
    if out.suffix != ".safetensors":
        raise UsageError(f"can't write {out}", expected="a name ending in .safetensors")
    _check_folder(out)
    from imfuse.learn.checkpoints import load_foreign, save_weights

    loaded = load_foreign(*sources, settings=parse_settings(settings or []))
    save_weights(out, loaded.network, settings=loaded.settings, origin=loaded.origin)
    for note in loaded.notes:
        say(f"warning: {note}")
    say(f"{out}: {loaded.network.name}, {loaded.network.parameters_count:,} parameters")
    say(f"licence of these weights: {loaded.origin.licence}")
    if as_json:
        print_json(
            {
                "out": str(out),
                "network": loaded.network.name,
                "parameters": loaded.network.parameters_count,
                "settings": dict(loaded.settings),
                "warnings": list(loaded.notes),
                **asdict(loaded.origin),
            }
        )


def _describe(source: Path, out: Path, settings: dict[str, str], *, as_json: bool) -> None:
    """Write an ONNX file with a description of the network in it."""
    from imfuse.engines.feed import FEED_KEY
    from imfuse.engines.onnx import SPEC_KEY, OnnxEngine
    from imfuse.engines.onnx_file import OnnxFile, with_metadata
    from imfuse.io.atomic import write_atomically

    if out.suffix != ".onnx":
        raise UsageError(f"can't write {out}", expected="a name ending in .onnx")
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the file to read", expected="another name for the result")
    _check_folder(out)
    if SPEC_KEY in OnnxFile(source, optimise=False).metadata:
        raise UsageError(
            f"{source} describes itself already", remedy="Give it to `imfuse fuse -m`."
        )
    engine = OnnxEngine(source, settings=settings)
    texts = {SPEC_KEY: engine.spec.model_dump_json(), FEED_KEY: engine.feed.model_dump_json()}
    write_atomically(out, [with_metadata(source.read_bytes(), texts)])
    sizes = "any size"
    if engine.feed.size is not None:
        sizes = f"tiles of {engine.feed.size[1]}x{engine.feed.size[0]}"
    elif engine.spec.size.multiple > 1:
        sizes = f"multiples of {engine.spec.size.multiple} pixels"
    say(f"{out}: {engine.spec.name}, {' and '.join(map(str, engine.feed.inputs))}, {sizes}")
    for note in engine.notes:
        say(f"warning: {note}")
    if as_json:
        described = engine.feed.model_dump(mode="json")
        print_json(
            {
                "out": str(out),
                "network": engine.spec.name,
                "spec": engine.spec.model_dump(mode="json"),
                "feed": described,
                "warnings": list(engine.notes),
            }
        )


def export(
    checkpoint: Annotated[Path, typer.Argument(help="File of weights, ours or a published one.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write. Default: beside CHECKPOINT."),
    ] = None,
    to: Annotated[Target, typer.Option(help="Kind of file.")] = Target.onnx,
    segmenter: Annotated[
        bool,
        typer.Option(
            "--segmenter", help="Write the network's segmentation head instead (psfusion)."
        ),
    ] = False,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Write all of imfuse-b or imfuse-s, for other programs; imfuse runs it slower.",
        ),
    ] = False,
    bits: Annotated[
        Bits,
        typer.Option(
            help="Bits for each weight: 16 halves the file, 8 halves it again at some loss."
        ),
    ] = Bits.whole,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="Name the weights NETWORK@WORD, for a package of weights."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a network as a file that runs without PyTorch, and compare the two.

    For example `imfuse export seafusion.safetensors`, then
    `imfuse fuse ir.png vis.png -o fused.png -m seafusion.onnx`.

    PSFusion labels the scene too: `imfuse export psfusion.safetensors --segmenter -o
    segmenter.onnx`, then `imfuse segment run segmenter.onnx vis/ --ir ir/ -o labels/`.
    """
    target = out or checkpoint.with_suffix(f".{to.value}")
    if target.suffix != f".{to.value}":
        raise UsageError(f"can't write {target}", expected=f"a name ending in .{to.value}")
    if target == checkpoint:
        raise UsageError(
            f"{checkpoint} is an ONNX file already", remedy="Write another one: -o OUT."
        )
    if segmenter and whole:
        raise UsageError("--segmenter and --whole", expected="one of them")
    if segmenter and (variant is not None or bits is not Bits.whole):
        raise UsageError("--segmenter with --bits or --variant", expected="a fusion network")
    if variant is not None and not re.fullmatch("[a-z0-9-]{1,50}", variant):
        raise UsageError(f"--variant {variant}", expected="lower case, digits and hyphens")
    _check_folder(target)
    from imfuse.learn.checkpoints import load_weights
    from imfuse.learn.export import export_onnx

    loaded = load_weights(checkpoint)
    if segmenter:
        from imfuse.learn.heads import export_head

        difference = export_head(loaded.network, target, loaded.origin)
        measure = "of their range"
    else:
        spec = loaded.network.spec(loaded.origin)
        if variant is not None:
            spec = spec.model_copy(update={"name": f"{spec.name}@{variant}"})
        settings = loaded.settings
        difference = export_onnx(
            loaded.network, target, spec, settings=settings, bits=_BITS[bits], whole=whole
        )
        measure = ""
    name = f"{loaded.network.name}{', as a segmenter of pairs' if segmenter else ''}"
    say(f"{target}: {name}, differs from PyTorch by at most {difference:.1g} {measure}".rstrip())
    if as_json:
        print_json({"out": str(target), "network": loaded.network.name, "difference": difference})


def _check_folder(out: Path) -> None:
    """Refuse an output that would only fail after the work is done."""
    if not out.parent.is_dir():
        raise OutputError("its folder does not exist", file=out, remedy="Make the folder first.")
