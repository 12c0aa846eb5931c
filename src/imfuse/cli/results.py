"""Results of `imfuse fuse`, in words and as JSON."""

from typing import TYPE_CHECKING

from imfuse.cli.console import counted, say, say_list
from imfuse.cli.thermal import unit_of

if TYPE_CHECKING:
    from imfuse.files import PairResult
    from imfuse.folders import FolderRun


def output_row(result: "PairResult") -> dict[str, object]:
    """Return the JSON object of one written result."""
    return {
        "ir": str(result.ir),
        "vis": str(result.vis),
        "out": str(result.out),
        "model": result.model,
        "seconds": round(result.seconds, 6),
        "warnings": list(result.notes),
        "history": result.history,
    }


def summarise(run: "FolderRun", seconds: float, *, interrupted: bool) -> None:
    """Print how a folder run ended."""
    written = [result for result in run.finished if not result.error]
    if run.record.ir_range is not None:
        unit = unit_of(written[0].history) if written else ""
        say(f"infrared range {run.fuser.options.infrared_range}: {run.record.ir_range}{unit}")
    if written:
        rate = len(written) / seconds
        pairs = counted(len(written), "pair")
        say(f"{pairs} fused in {seconds:.1f} s ({rate:.1f}/s) into {run.job.out}")
    if run.skipped:
        say(f"{counted(len(run.skipped), 'pair')} fused already")
    say_list("infrared without a visible partner", [p.name for p in run.matching.ir_only])
    say_list("visible without an infrared partner", [p.name for p in run.matching.vis_only])
    say_list("warnings", dict.fromkeys(note for r in written for note in r.notes))
    say_list("failed", [str(result.error) for result in run.finished if result.error])
    if interrupted:
        left = run.total - len(run.finished)
        say(f"interrupted; {counted(left, 'pair')} left. The same command with --resume continues.")


def folder_as_json(run: "FolderRun", *, interrupted: bool) -> dict[str, object]:
    """Return the JSON object of a folder run."""
    return {
        "outputs": [output_row(r) for r in run.finished if not r.error],
        "failed": [
            {"ir": str(r.ir), "vis": str(r.vis), "error": str(r.error), **r.error.as_dict()}
            for r in run.finished
            if r.error
        ],
        "skipped": [{"ir": str(pair.ir), "vis": str(pair.vis)} for pair in run.skipped],
        "unmatched": {
            "ir": [str(path) for path in run.matching.ir_only],
            "vis": [str(path) for path in run.matching.vis_only],
        },
        "interrupted": interrupted,
    }
