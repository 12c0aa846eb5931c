"""Put the sub-commands together, and turn errors into messages and exit codes."""

import errno
import os
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from imfuse import __version__
from imfuse.cli import (
    align,
    bench,
    data,
    doctor,
    evaluate,
    explain,
    fuse,
    inspect,
    models,
    palette,
    rig,
    scenes,
    segment,
    train,
    weights,
)
from imfuse.cli.console import print_json, say
from imfuse.cli.streams import INTERRUPTED, calm_interrupts, guarded_streams
from imfuse.errors import ImfuseError, UsageError

_LEARN = {
    *("torch", "onnx", "safetensors", "onnxscript"),
    *("lightning_fabric", "yaml", "tensorboard", "transformers"),
}
"""Packages that come only with the extra `learn`."""

_LONGEST = 500
"""Maximum length in characters of Typer's message about a value, which it quotes in full."""


class _Commands(TyperGroup):
    """All commands, with named errors for what the operating system refuses in any of them.

    For example, every option that takes a file may be given a name that is too long.
    """

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer keeps its type to itself
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if len(error.message) > _LONGEST:
                error.message = f"{error.message[:_LONGEST]} [...]"
            raise
        except MemoryError as error:
            from imfuse.jobs import as_named

            raise as_named(error) from error
        except OSError as error:
            if error.errno in {None, errno.EPIPE}:
                raise
            raise ImfuseError(
                error.strerror or str(error), file=str(error.filename or "")[:_LONGEST] or None
            ) from error


app = typer.Typer(
    name="imfuse",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a bug should show a plain traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(fuse.fuse)
app.command()(align.align)
app.command()(inspect.inspect)
app.command()(palette.palette)
app.command()(evaluate.evaluate)
app.command()(explain.explain)
app.command()(bench.bench)
app.command()(train.train)
app.command()(weights.convert)
app.command()(weights.export)
app.add_typer(rig.app, name="rig")
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(segment.app, name="segment")
app.command()(doctor.doctor)
app.command()(scenes.scenes)
app.command()(scenes.demo)


def _print_version(value: bool) -> None:  # noqa: FBT001 - Typer's callback signature
    if value:
        sys.stdout.write(f"imfuse {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Fuse infrared and visible (or medical) pictures of one scene into one picture."""


def run(arguments: list[str]) -> None:
    """Run the command line and exit; see `imfuse.cli.main`."""
    # Before NumPy and OpenCV are loaded: pairs are fused in parallel, so spreading each one's small
    # matrix products over all cores as well would only slow them down; and what OpenCV finds odd
    # about a file is reported in our own words.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    with calm_interrupts():
        try:
            with guarded_streams():
                code = _exit_code(arguments)
        except ImfuseError as error:  # from the streams
            with suppress(OSError, ValueError, AttributeError):  # a closed stderr is None
                sys.stderr.write(f"error: {error}\n")
            code = error.exit_code
        except KeyboardInterrupt:
            code = INTERRUPTED
        sys.exit(code)


def _exit_code(arguments: list[str]) -> int:
    """Run the command line; print what went wrong, and return the exit code."""
    try:
        try:
            app(arguments, prog_name="imfuse")
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except KeyboardInterrupt:
            return INTERRUPTED
        except ModuleNotFoundError as error:
            raise _missing(error) from error
    except ImfuseError as error:
        if "--json" in arguments:
            print_json({"error": error.as_dict()})
        say(f"error: {error}")
        return error.exit_code
    return 0


def _missing(error: ModuleNotFoundError) -> ImfuseError | ModuleNotFoundError:
    """Return the error to show when a package of the extra `learn` is missing."""
    package = (error.name or "").partition(".")[0]
    if package not in _LEARN:
        return error
    return UsageError(
        f"the Python package {package} is missing",
        expected="what comes with the extra `learn`",
        remedy="pip install 'imfuse[learn]'.",
    )
