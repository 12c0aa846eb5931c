"""`imfuse models`: list the fusion methods and networks, and describe one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imfuse.cli.choices import complete_method
from imfuse.cli.console import JsonOption, print_json, say, show

if TYPE_CHECKING:
    from imfuse.cards import NetworkCard
    from imfuse.types import FusionSpec

app = typer.Typer(no_args_is_help=True, help="List the fusion methods and networks, or show one.")


def _row(spec: "FusionSpec", *, weights: bool) -> dict[str, object]:
    from imfuse.registry import DEFAULT_METHOD

    return {
        **spec.model_dump(mode="json"),
        "weights": weights,
        "package": _package(spec.name),
        "default": spec.name == DEFAULT_METHOD,
    }


def _package(name: str) -> str:
    """Return the distribution with a network's weights, installed or not; empty if none has any."""
    from imfuse.cards import network_cards
    from imfuse.engines.shipped import find_shipped

    known, card = find_shipped(name), network_cards().get(name)
    if known is not None:
        return known.package
    return "" if card is None else card.package


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the methods that `imfuse fuse -m` takes, and the networks that imfuse can build."""
    from imfuse.cards import network_cards
    from imfuse.engines.load import model_specs

    ready = model_specs()
    names = {spec.name for spec in ready}
    networks = [card.spec for name, card in network_cards().items() if name not in names]
    _report_problems()
    if as_json:
        rows = [_row(spec, weights=spec.kind == "network") for spec in ready]
        print_json([*rows, *(_row(spec, weights=False) for spec in networks)])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "kind", "weights", "year", "parameters", "what it is")
    table.box, table.pad_edge = None, False
    for spec in (*ready, *networks):
        row = _row(spec, weights=spec in ready and spec.kind == "network")
        year = "" if spec.year is None else str(spec.year)
        name = f"{spec.name} *" if row["default"] else spec.name
        table.add_row(name, spec.kind, _weights(row), year, f"{spec.parameters:,}", spec.title)
    Console().print(table)
    show("* the default   - no weights: `imfuse models info NAME` says where its authors have them")
    if any(_needs_zoo(_row(spec, weights=False)) for spec in networks):
        show("pip install 'imfuse[zoo]' brings the weights of imfuse-zoo, which is not installed")


def _weights(row: Mapping[str, object]) -> str:
    """Return where a network's weights are, in a few words; empty for classical methods."""
    if row["kind"] != "network":
        return ""
    if row["weights"]:
        return str(row["package"]) or "yes"
    return "not installed" if _needs_zoo(row) else "-"


def _needs_zoo(row: Mapping[str, object]) -> bool:
    from imfuse.engines.packages import ZOO

    return not row["weights"] and row["package"] == ZOO


def _report_problems() -> None:
    """Tell about installed packages of weights that can't be used."""
    from imfuse.engines.packages import weights_packages

    for package in weights_packages():
        if package.problem is not None:
            say(f"warning: the weights of {package.name} can't be used: {package.problem}")


@app.command()
def info(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a method or network, or a model file.", autocompletion=complete_method
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Show the card of a method or network: paper, cost, sizes, weights, licence, scores."""
    from imfuse.cards import find_card, network_cards
    from imfuse.engines.load import load_engine, model_names
    from imfuse.engines.shipped import find_shipped

    card = find_card(name) if name in network_cards() and name not in model_names() else None
    if card is None:
        spec = load_engine(name).spec
        row = _row(spec, weights=spec.kind == "network")
        card = network_cards().get(spec.name.partition("@")[0])
    else:
        spec = card.spec
        row = _row(spec, weights=False)
    if as_json:
        extra = {} if card is None else card.model_dump(mode="json", exclude={"spec"})
        print_json({**row, **extra})
        return
    show(f"{spec.name}: {spec.title}")
    lines = _describe(spec)
    lines |= {"weights": _described_place(row)} if row["package"] else {}
    if row["weights"] or card is None:
        lines |= _describe_weights(spec)
    known = find_shipped(name)
    trained = _card_of_run(Path(name)) if known is None else known.card
    if trained is not None:
        lines |= _describe_training(trained)
    for title, value in (lines | ({} if card is None else _describe_card(card))).items():
        show(f"  {title:<34}{value}")
    if card is not None:
        _show_scores(card)


def _describe(spec: "FusionSpec") -> dict[str, object]:
    """Return a method's own description, by heading."""
    return {
        "paper": spec.paper or "-",
        "year": spec.year or "-",
        "kind": spec.kind,
        "visible input": spec.visible,
        "parameters": f"{spec.parameters:,}",
        "sizes": f"from {spec.size.minimum}x{spec.size.minimum} px, multiples of "
        f"{spec.size.multiple} (others are padded)"
        if spec.size.minimum > 1 or spec.size.multiple > 1
        else "any",
        "large pictures": f"in tiles with {spec.tile.halo} px around"
        if spec.tile
        else "only as a whole",
        "memory": f"{spec.bytes_per_pixel} bytes per pixel",
        "infrared and visible exchangeable": "yes" if spec.symmetric else "no",
    }


def _described_place(row: Mapping[str, object]) -> str:
    """Return where a network's weights are, and how to get them."""
    from imfuse.engines.shipped import missing_weights

    problem = None if row["weights"] else missing_weights(str(row["name"]))
    return f"in the package {row['package']}" if problem is None else str(problem)


def _describe_weights(spec: "FusionSpec") -> dict[str, object]:
    """Return where a method's weights, or its rules, come from, by heading."""
    return {
        "licence": spec.licence,
        "training data": spec.training_data or "none",
        "terms of that data": spec.training_terms or "-",
    }


def _card_of_run(model: Path) -> Mapping[str, Any] | None:
    """Return the card of the run that a model file lies in; None if there is none."""
    try:
        card = json.loads((model.parent / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    made = model.is_file() and model.name in ("model.onnx", "weights.safetensors")
    return card if made and isinstance(card, dict) and "stages" in card else None


def _describe_training(card: Mapping[str, Any]) -> dict[str, object]:
    """Return how weights were trained, by heading: those shipped with imfuse, or of a run."""
    steps, planned = (sum(stage[key] for stage in card["stages"]) for key in ("steps", "planned"))
    scores = "  ".join(f"{symbol} {value:.4g}" for symbol, value in card["scores"].items())
    at_commit = f", at commit {card['commit']}" if "commit" in card else ""
    begun = card.get("begun_with")
    before = card.get("begun_steps")
    those = "those" if before is None else f"{before}"
    after = f", after {those} of the weights that it began with" if begun else ""
    return {
        "begun with": f"weights trained on {begun}" if begun else "random weights",
        "trained by": f"imfuse train {card['recipe']} --preset {card['preset']}, seed "
        f"{card['seed']}{at_commit}",
        "pairs": f"{card['pairs']}, and {card['held_out']} held out",
        "steps": f"{steps}, {steps / planned:.1%} of the full schedule{after}",
        "time": f"{card['seconds'] / 60:.0f} min on {card['device']}, {card['precision']}",
        "differs from the paper": card["departures"] or "-",
        f"scores on {card['scored']} held-out pairs": scores or "-",
    }


def _describe_card(card: "NetworkCard") -> dict[str, object]:
    """Return what else is known of a network, by heading."""
    cost = f"{card.gmacs_256:.4g} billion multiply-adds for 256x256"
    if card.milliseconds is not None:
        cost += f"; {card.milliseconds:.0f} ms and {card.peak_megabytes:.0f} MB for 640x480"
    none = "none that imfuse can read"
    lines: dict[str, object] = {
        "good for": card.good_for,
        "cost": cost,
        "weights of its authors": none if card.published is None else card.published.home,
    }
    if card.published is not None:
        several = card.published.files
        files = f"FILE FILE (of {several})" if several else "FILE"
        lines |= {
            "their licence": card.published.licence,
            "their training data": card.published.training_data or "not known",
            "to use them": f"imfuse convert {files} {card.spec.name}.safetensors",
        }
    return lines


def _show_scores(card: "NetworkCard") -> None:
    for score in card.scores:
        means = "  ".join(f"{symbol} {value:.4g}" for symbol, value in score.means.items())
        show(f"  {f'their scores on {score.pairs}':<34}{means}  (protocol {score.protocol})")


@app.command()
def verify(as_json: JsonOption = False) -> None:
    """Check the weights of imfuse and of installed packages of weights against their checksums."""
    from imfuse.engines.packages import weights_packages
    from imfuse.engines.shipped import shipped, shipped_file

    for package in weights_packages():
        if package.problem is not None:
            raise package.problem
    sums = {name: shipped_file(name).name for name in shipped()}
    if as_json:
        print_json({"verified": sums})
        return
    rows = [(name, file, shipped()[name].package) for name, file in sums.items()]
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    for row in rows:
        show("".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) + "ok")
    show(f"{len(sums)} files of weights are as they were made")
