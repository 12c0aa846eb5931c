"""The card of trained weights: training data, settings, duration and scores."""

import json
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from imfuse.io.atomic import write_atomically
from imfuse.learn.batches.shown import FUSED
from imfuse.vision.segmenter import SegmenterInput

JSON, TEXT = "card.json", "card.md"


class StageDone(BaseModel):
    """One stage of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    steps: int
    """Steps taken."""
    planned: int
    """Steps of the full schedule."""


class TrainingCard(BaseModel):
    """Everything to know about the weights that a run produced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    recipe: str
    preset: str
    paper: str
    departures: str
    """Where the recipe differs from the paper."""
    parameters: int
    training_data: str
    """Datasets, and their total number of pairs."""
    training_terms: str
    begun_with: str | None = None
    """Training data of the initial weights; None: they were random."""
    begun_steps: int | None = None
    """Number of steps that trained the initial weights; None: unknown, or random weights."""
    data: list[str]
    """Names of the given folders, without the path to them."""
    pairs: int
    held_out: int
    """Pairs that were kept for previews and scores."""
    pairs_sha256: str
    """SHA-256 of the names of the training pairs."""
    stages: list[StageDone]
    budget: str | None
    """Budget as given by the user; None: the full schedule."""
    seconds: float
    """Time of all steps, without interruptions."""
    precision: str
    device: str
    processes: int
    imfuse: str
    torch: str
    seed: int
    settings: dict[str, Any]
    """All settings, defaults included."""
    scores: dict[str, float]
    """Means over held-out pairs, protocol `reference`; empty if there are none."""
    scored: int
    """Number of pairs behind the scores."""

    scored_by: ClassVar[str] = "Means over {} held-out pairs (protocol `reference`, gray, 8 bits)"
    """Description of the scores."""

    @property
    def share(self) -> float:
        """Steps taken, as a fraction of the full schedule's."""
        planned = sum(stage.planned for stage in self.stages)
        return sum(stage.steps for stage in self.stages) / planned

    def as_markdown(self) -> str:
        """Return the card for humans."""
        length = (
            f"the whole schedule of the preset {self.preset}"
            if self.budget is None
            else f"budget {self.budget}: {self.share:.2%} of the full schedule's steps; learning "
            "rate schedules are shortened to match, warm-ups to 300 steps at least"
        )
        times = self.settings.get("times") or {}
        often = "".join(f" ({name} {count} times an epoch)" for name, count in times.items())
        begun = []
        if self.begun_with is not None:
            length_before = "" if self.begun_steps is None else f", in {self.begun_steps} steps"
            begun.append(f"- **Begun with** weights trained on: {self.begun_with}{length_before}")
        lines = [
            f"# {self.network}, trained by the recipe {self.recipe} ({self.preset})",
            "",
            self.paper,
            "",
            f"- **Weights**: {self.parameters:,} parameters",
            f"- **Data**: {self.training_data} (from {', '.join(self.data)}); {self.pairs} "
            f"pairs{often}, {self.held_out} more held out",
            f"- **Terms of the data**: {self.training_terms or 'none stated'}",
            *begun,
            f"- **Length**: {length}",
            f"- **Time**: {_duration(self.seconds)} on {self.device}, {self.processes} "
            f"process{'es' if self.processes > 1 else ''}, {self.precision}",
            f"- **Seed**: {self.seed}; imfuse {self.imfuse}, PyTorch {self.torch}",
            f"- **Differs from the paper**: {self.departures or 'in nothing that we know of'}",
            "",
            "| stage | steps | full schedule |",
            "|---|---|---|",
            *(f"| {s.name} | {s.steps} | {s.planned} |" for s in self.stages),
            "",
        ]
        if self.scores:
            lines += [
                f"{self.scored_by.format(self.scored)}:",
                "",
                "| " + " | ".join(self.scores) + " |",
                "|" + "---|" * len(self.scores),
                "| " + " | ".join(f"{value:.4g}" for value in self.scores.values()) + " |",
                "",
            ]
        lines += ["All settings are in `config.yaml`, every step in `log.jsonl`.", ""]
        return "\n".join(lines)


class SegmenterCard(TrainingCard):
    """The card of a trained segmenter."""

    on: SegmenterInput
    """Kind of pictures that the segmenter was trained on."""
    classes: list[str]
    """Names of the segmenter's classes."""
    iou: list[float | None]
    """IoU of each class over the held-out pairs; None where the class does not occur."""

    scored_by: ClassVar[str] = "Over all pixels of {} held-out pairs together"

    def as_markdown(self) -> str:
        """Return the card for humans."""
        looks = "unfused pairs" if self.on == "pair" else f"{self.on} pictures"
        lines = [super().as_markdown(), f"It looks at {looks}.", ""]
        if self.scored:
            lines += ["| class | IoU |", "|---|---|"]
            for name, value in zip(self.classes, self.iou, strict=True):
                lines.append(f"| {name} | {'-' if value is None else f'{value:.4f}'} |")
            lines.append("")
        return "\n".join(lines)


def shareable(settings: BaseModel) -> dict[str, Any]:
    """Return settings as plain values; paths are reduced to file names."""
    plain = settings.model_dump(mode="json")
    for name in plain:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            plain[name] = shareable(value)
        elif isinstance(value, Path):
            plain[name] = value.name
        elif isinstance(value, str) and value.startswith(FUSED):
            plain[name] = FUSED + Path(value.removeprefix(FUSED)).name
    return plain


def write_card(folder: Path, card: TrainingCard) -> None:
    """Write a card as JSON and as text.

    Raises:
        OutputError: The files can't be written.
    """
    content = json.dumps(card.model_dump(mode="json"), indent=2) + "\n"
    write_atomically(folder / JSON, [content.encode()])
    write_atomically(folder / TEXT, [card.as_markdown().encode()])


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes else f"{seconds:.0f} s"
