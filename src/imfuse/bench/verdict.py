"""Should pictures be fused for this machine? One paragraph and one table, by day and by night."""

from dataclasses import dataclass

import numpy as np

from imfuse.bench.machines import INFRARED, LATE, VISIBLE, MachineSummary
from imfuse.report.scores import Section
from imfuse.scoring.lighting import LIGHTS
from imfuse.scoring.machine import Difference, MachineScores, best_first, difference

_FEW = 30
"""Pictures below which a part of a set tells little, whatever its interval."""
_WHEN = {"all": "Over all {n} pictures", "day": "By day ({n})", "night": "By night ({n})"}
_ONE = {"all": "In the one picture", "day": "By day (1)", "night": "By night (1)"}


@dataclass(frozen=True)
class Choice:
    """The pictures that serve a machine best in one light.

    Attributes:
        light: `all`, `day` or `night`.
        count: Number of pictures.
        source: The better source.
        fused: The best fused picture.
        late: The best late fusion; None for segmenters.
        winner: The best of them all.
        over_source: How far the winner is above the better source; None where it is that source.
        over_next: How far the winner is above the best of the other kinds.
    """

    light: str
    count: int
    source: MachineScores
    fused: MachineScores
    late: MachineScores | None
    winner: MachineScores
    over_source: Difference | None
    over_next: tuple[MachineScores, Difference]

    @property
    def sure(self) -> bool:
        """True if the winner is surely better than the best of the other kinds."""
        return self.over_next[1].sure


def choices(summary: MachineSummary) -> list[Choice]:
    """Return what serves best over all, and in each light in which there is something to see.

    Args:
        summary: A finished benchmark.
    """
    first = summary.main[0]
    # Where all pictures are of one light, that light is the whole.
    parts = [
        light
        for light in LIGHTS[1:]
        if 0 < first.count[light] < first.count["all"] and np.isfinite(first.mean(light))
    ]
    return [_choice(summary, light) for light in (LIGHTS[0], *parts)]


def _choice(summary: MachineSummary, light: str) -> Choice:
    def best(labels: list[str]) -> MachineScores | None:
        some = (one for one in summary.main if one.label in labels)
        return next(iter(best_first(some, light)), None)

    labels = [one.label for one in summary.main]
    source, late = best([VISIBLE, INFRARED]), best(list(LATE))
    fused = best([label for label in labels if label not in (VISIBLE, INFRARED, *LATE)])
    if source is None or fused is None:
        raise ValueError("a benchmark of machines always has both sources and fused pictures")
    kinds = [one for one in (source, fused, late) if one is not None]
    winner, second = best_first(kinds, light)[:2]
    return Choice(
        light=light,
        count=summary.main[0].count[light],
        source=source,
        fused=fused,
        late=late,
        winner=winner,
        over_source=None if winner is source else difference(winner, source, light),
        over_next=(second, difference(winner, second, light)),
    )


def paragraph(summary: MachineSummary) -> str:
    """Return the answer in words."""
    found = choices(summary)
    said = [_sentence(one) for one in found]
    if len(summary.scores) > 1:
        said[0] = f"By {summary.main[0].truth}: {said[0][0].lower()}{said[0][1:]}"
    if len(found) > 1 and len({one.winner.label for one in found[1:]}) > 1:
        said.append("So what serves best depends on the light.")
    truths = {truth: summary.best("all", truth).label for truth in summary.scores}
    if len(set(truths.values())) > 1:
        each = ", ".join(f"{label} by {truth}" for truth, label in truths.items())
        said.append(f"And it depends on the truth: first comes {each}.")
    return " ".join(said)


def _sentence(one: Choice) -> str:
    when = _WHEN[one.light].format(n=one.count) if one.count > 1 else _ONE[one.light]
    value = one.winner.mean(one.light)
    second, lead = one.over_next
    if not value > 0:
        return (
            f"{when}, the machine sees nothing right in any picture, so nothing can be said; check "
            "its settings and the classes."
        )
    if one.over_source is None:
        text = f"{when}, don't fuse: the {one.winner.label} picture alone serves best ({value:.1f})"
    else:
        above = one.over_source
        text = (
            f"{when}, {_name(one.winner)} serves best ({value:.1f}), {above.value:.1f} points "
            f"above {one.source.label} alone{_interval(above)}"
        )
    ahead = f"; it is {lead.value:.1f} ahead of {_name(second)}{_interval(lead)}"
    unsure = "" if lead.sure else ", which the pictures can't tell apart"
    few = "One picture tells little" if one.count == 1 else f"{one.count} pictures are few"
    few = f". {few}: take it as a hint" if one.count < _FEW else ""
    return f"{text}{'' if second is one.source else ahead}{unsure}{few}."


def _name(scores: MachineScores) -> str:
    if scores.label in (VISIBLE, INFRARED):
        return f"the {scores.label} picture"
    return "late fusion" if scores.label == "late-fusion" else scores.label


def _interval(one: Difference) -> str:
    if not np.isfinite(one.low):
        return ""
    return f" (95 % interval {one.low:+z.1f} to {one.high:+z.1f})"


def section(summary: MachineSummary) -> Section:
    """Return the answer as a table."""
    rows, found = [], choices(summary)
    for one in found:
        _, lead = one.over_next
        late = [] if one.late is None else [f"{one.late.label} {one.late.mean(one.light):.1f}"]
        rows.append(
            [
                one.light,
                str(one.count),
                f"{one.source.label} {one.source.mean(one.light):.1f}",
                f"{one.fused.label} {one.fused.mean(one.light):.1f}",
                *late,
                one.winner.label,
                f"{lead.value:+z.1f}{_interval(lead)}",
                "open" if not lead.sure else "sure" if one.count >= _FEW else "few pictures",
            ]
        )
    return Section(
        title="Should these pictures be fused?",
        lead=paragraph(summary),
        header=[
            "light",
            "pictures",
            "better source",
            "best fused",
            *(["best late fusion"] if found[0].late is not None else []),
            "best",
            "ahead of the next kind",
            "verdict",
        ],
        rows=rows,
    )
