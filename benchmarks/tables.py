"""Write the tables of README.md and docs/ from the results of the benchmarks.

`--check` changes nothing and fails if a table does not match the results.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trained_tables
from harness import RESULTS, parser
from numpy.typing import NDArray

from imfuse.cards import network_cards
from imfuse.engines.load import model_specs
from imfuse.metrics.catalogue import METRICS
from imfuse.metrics.metric import MetricInfo
from imfuse.metrics.protocols import PROTOCOLS
from imfuse.metrics.published import published_rows
from imfuse.metrics.segmentation import intersection_over_union
from imfuse.ops.palettes import PALETTES
from imfuse.registry import DEFAULT_METHOD

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "docs/alignment.md",
    "docs/false-colour.md",
    "docs/methods.md",
    "docs/machines.md",
    "docs/metrics.md",
    "docs/networks.md",
    "docs/results.md",
    "docs/scores.md",
    "docs/segmentation.md",
    "docs/training.md",
)


def _results(name: str) -> dict[str, object]:
    return json.loads((RESULTS / f"{name}.json").read_text())["results"]


def methods() -> str:
    """Return one row per method: its description and times."""
    lines = ["| method | what it is | 1 thread | 2 threads |", "|---|---|---:|---:|"]
    specs = {spec.name: spec for spec in model_specs()}
    for row in _results("methods")["rows"]:
        spec = specs[row["method"]]
        name = f"**`{spec.name}`** (default)" if spec.name == DEFAULT_METHOD else f"`{spec.name}`"
        times = [f"{row[f'ms_{n}_threads']:.3g} ms" for n in (1, 2)]
        lines.append(f"| {name} | {spec.title} | {times[0]} | {times[1]} |")
    return "\n".join(lines)


def goals() -> str:
    """Return one row per goal, with the measured value."""
    start = _results("startup")["median_seconds"]
    memory = [row for row in _results("memory")["rows"] if row["exit_code"] == 0]
    default = next(row for row in memory if row["method"] == DEFAULT_METHOD)
    taken = {row["method"]: row["above_inputs_mb"] for row in memory}
    within = {name: mb for name, mb in taken.items() if mb <= 1000}
    beyond = ", ".join(
        f"{name}: {taken[name]} MB" if name in taken else f"{name} refuses"
        for name in (row["method"] for row in _results("memory")["rows"])
        if name not in within
    )
    folders = {row["method"]: row for row in _results("folders")["rows"]}
    run = folders[DEFAULT_METHOD]
    codec = _results("folders")["codec_ms"]
    per_pair = codec["decode_pair_png"] + codec["encode_png"]
    lines = [
        "| | goal | measured |",
        "|---|---|---|",
        f"| `imfuse --help` | 0.3 s | {start['imfuse --help']:.2f} s |",
        f"| `imfuse fuse`, two files of 640x480, whole process | - "
        f"| {start['imfuse fuse (640x480)']:.2f} s |",
        f"| 8192x8192, memory above the inputs | 1 GB | {default['above_inputs_mb']} MB "
        f"({DEFAULT_METHOD}); at most {max(within.values())} MB for {len(within)} of "
        f"{len(_results('memory')['rows'])} methods; {beyond} |",
        f"| folder of 640x480 pairs, two workers, PNG / TIFF | - "
        f"| {run['png_per_s']:.0f} / {run['tif_per_s']:.0f} pairs/s ({DEFAULT_METHOD}) |",
        f"| the same against the method alone on one thread | 90 % "
        f"| {100 * run['png_to_one_thread']:.0f} % / {100 * run['tif_to_one_thread']:.0f} % "
        f"({DEFAULT_METHOD}; reading and writing PNG takes {per_pair:.0f} ms of a core, fusing "
        f"{1e3 / run['pure_one_thread_per_s']:.0f} ms) |",
        f"| the same against the method alone on two threads | 90 % "
        f"| {_ratios(folders, 'gff')}; {_ratios(folders, 'mst-sr')}; {_ratios(folders, 'gtf')} |",
    ]
    return "\n".join(lines)


def _ratios(folders: dict[str, dict[str, float]], method: str) -> str:
    row = folders[method]
    png, tif = (100 * row[f"{suffix}_to_two_threads"] for suffix in ("png", "tif"))
    return f"{png:.0f} % / {tif:.0f} % ({method})"


def metrics() -> str:
    """Return one row per metric: its description and its time."""
    each = _results("metrics")["each_ms"]
    lines = ["| | metric | unit | better | range | source | ms |", "|---|---|---|---|---|---|---:|"]
    for symbol, metric in METRICS.items():
        info = metric.info
        lines.append(
            f"| **{symbol}** | {info.title} | {info.unit} | {info.better} | {_range(info)} "
            f"| {info.reference} | {each[symbol]:.3g} |"
        )
    return "\n".join(lines)


def _range(info: MetricInfo) -> str:
    if info.low is None and info.high is None:
        return ""
    ends = ["" if end is None else f"{end:g}" for end in (info.low, info.high)]
    return f"{ends[0]} to {ends[1]}" if ends[0] and ends[1] else f"from {ends[0]}" * bool(ends[0])


def metric_speed() -> str:
    """Return the time of the nine metrics, of the straightforward version, and by protocol."""
    found, folder = _results("metrics"), _results("evaluation")
    ratios = found["protocol_ratios"]
    kits = [name for name in ratios["gray"] if name != "reference"]
    return "\n".join(
        [
            "| nine metrics, 640x480, one core, milliseconds | |",
            "|---|---:|",
            f"| imfuse (goal: 40) | {found['nine_ms']:.3g} |",
            f"| straightforward NumPy and SciPy | {found['straightforward_ms']:.4g} |",
            f"| ratio | {found['ratio']:.3g} |",
            *(
                f"| {' / '.join(kits)}, {kind} pictures, over reference (goal: 1.5) "
                f"| {' / '.join(f'{by_kit[kit]:.2f}' for kit in kits)} |"
                for kind, by_kit in ratios.items()
            ),
            "| folder of 640x480 triples, two cores, PNG / TIFF "
            f"| {folder['png_per_s_2_workers']:.0f} / {folder['tif_per_s_2_workers']:.0f} per s |",
            "| memory of the command, 100 / 10,000 triples "
            f"| {folder['peak_mb_100_pairs']} / {folder['peak_mb_10000_pairs']} MB |",
        ]
    )


def protocols() -> str:
    """Return one row per metric, with each kit's departures."""
    kits = [name for name in PROTOCOLS if name != "reference"]
    lines = [f"| | {' | '.join(f'`{kit}`' for kit in kits)} |", "|---" * (len(kits) + 1) + "|"]
    for symbol, metric in METRICS.items():
        cells = []
        for kit in kits:
            words = [f"{name}: {value}" for name, value in metric.kits.get(kit, {}).items()]
            cells.append("; ".join(words) or ("=" if kit in metric.kits else ""))
        lines.append(f"| **{symbol}** | {' | '.join(cells)} |")
    return "\n".join(lines)


def quality() -> str:
    """Return one row per method and dataset: its scores on training pairs."""
    found = _results("quality")
    symbols = list(next(iter(found.values()))["rows"][0]["mean"])
    lines = [
        f"| | | {' | '.join(symbols)} | mean rank |",
        "|---|---" + "|---:" * (len(symbols) + 1) + "|",
    ]
    for name, each in found.items():
        for row in sorted(each["rows"], key=lambda one: one["mean_rank"]):
            means = [f"{row['mean'][symbol]:.4g}" for symbol in symbols]
            label = f"{name} ({each['pairs']})"
            lines.append(
                f"| {label} | `{row['method']}` | {' | '.join(means)} | {row['mean_rank']:.2f} |"
            )
    return "\n".join(lines)


def networks() -> str:
    """Return one row per network, from the cards."""
    lines = [
        "| network | year | what it is | parameters | GMAC | pictures | published weights |",
        "|---|---|---|---:|---:|---|---|",
    ]
    for name, card in network_cards().items():
        spec = card.spec
        pictures = "in tiles" if spec.tile else "as a whole"
        weights = f"[yes]({card.published.home})" if card.published else "-"
        lines.append(
            f"| `{name}` | {spec.year} | {spec.title} | {spec.parameters:,} "
            f"| {card.gmacs_256:.3g} | {pictures} | {weights} |"
        )
    return "\n".join(lines)


def network_speed() -> str:
    """Return one row per network: its times, and the speed-up over plain PyTorch."""
    lines = [
        "| network | eager | bf16 | ONNX Runtime | OpenVINO | OpenVINO bf16 | differs | MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in _results("networks")["rows"]:
        eager = row["eager_ms"]
        ours = [
            f"{row[f'{name}_ms']:,.0f} ({eager / row[f'{name}_ms']:.1f}x)"
            for name in ("onnx", "openvino", "openvino_bf16")
        ]
        levels = 255 * row["openvino_bf16_difference"]
        lines.append(
            f"| `{row['network']}` | {eager:,.0f} | {row['bf16_ms']:,.0f} | {' | '.join(ours)} "
            f"| {levels:.2f} | {row['onnx_peak_mb']:,} |"
        )
    return "\n".join(lines)


def efficiency() -> str:
    """Return parameters, MACs, time and memory at the papers' sizes, next to the printed MACs."""
    rows = _results("efficiency")["rows"]
    sizes = sorted({row["size"] for row in rows}, key=lambda size: [*map(int, size.split("x"))])
    printed = {
        (quoted.method.casefold(), size): quoted.values["flops_G"]
        for size in sizes
        for quoted in published_rows(size, task="efficiency")
        if "flops_G" in quoted.values
    }
    timed = any(row["onnx_ms"] is not None for row in rows)
    head = [f"GMAC, {size} (printed)" for size in sizes]
    head += [f"ms / MB, {size}" for size in sizes] if timed else []
    lines = [
        f"| network | parameters | {' | '.join(head)} |",
        "|---|---:|" + "---:|" * len(head),
    ]
    found = {(row["network"], row["size"]): row for row in rows}
    for name in dict.fromkeys(row["network"] for row in rows):
        of_network = {size: found.get((name, size)) for size in sizes}
        cells = []
        for size, row in of_network.items():
            quoted = f" ({printed[name, size]:g})" if (name, size) in printed else ""
            cells.append("" if row is None else f"{row['gmac']:.4g}{quoted}")
        if timed:
            cells += [
                "-"
                if row is None or row["onnx_ms"] is None
                else f"{row['onnx_ms']:,.0f} / {row['peak_mb']:,}"
                for row in of_network.values()
            ]
        parameters = next(row["parameters"] for row in rows if row["network"] == name)
        lines.append(f"| `{name}` | {parameters:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def published_scores() -> str:
    """Return the scores of the authors' weights as run here, next to the printed ones."""
    rows = _results("published")["rows"]
    symbols = [symbol for symbol in rows[0]["means"] if symbol != "SSIM"]
    lines = [f"| network | | {' | '.join(symbols)} |", "|---|---|" + "---:|" * len(symbols)]
    for row in rows:
        means = [f"{row['means'][symbol]:.4g}" for symbol in symbols]
        lines.append(f"| `{row['network']}` | run here | {' | '.join(means)} |")
        for quoted in published_rows("MSRS"):
            if quoted.method.casefold() == row["network"]:
                cells = [f"*{quoted.values[s]:g}*" if s in quoted.values else "" for s in symbols]
                lines.append(f"| | *printed: {quoted.source}* | {' | '.join(cells)} |")
    return "\n".join(lines)


def training_speed() -> str:
    """Return one row per stage of a recipe: samples per second, and the share of waiting time."""
    lines = [
        "| recipe | stage | batch | bf16 | f32 | faster | waits for data |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in _results("training")["rows"]:
        bf16, f32 = (row[f"{name}_samples_per_second"] for name in ("bf16", "f32"))
        lines.append(
            f"| `{row['recipe']}` | {row['stage']} | {row['batch']} | {bf16:.3g} | {f32:.3g} "
            f"| {bf16 / f32:.1f}x | {row['bf16_waiting_percent']:.1f}% |"
        )
    return "\n".join(lines)


def machines() -> str:
    """Return the AP50 of a frozen detector for each kind of picture, and what it says of truths."""
    found = _results("machines")
    rows = found["rows"]
    truths = list(rows[0]["truths"])
    classes = list(rows[0]["ap50"]["all"])
    head = [*classes, "day", "night", "above the better source", *truths[1:]]
    lines = [f"| pictures | {' | '.join(head)} |", "|---|" + "---:|" * len(head)]
    for row in rows:
        cells = [f"{row['ap50']['all'][name]:.1f}" for name in classes]
        cells += [f"{row['ap50'][light]['mean']:.1f}" for light in ("day", "night")]
        above = row["against_better_source"]["all"]
        own = row["model"] == above["source"]
        interval = f"{above['difference']:+.1f} ({above['low']:+.1f} to {above['high']:+.1f})"
        cells.append("" if own else interval)
        cells += [f"{row['truths'][truth]['ap50']['all']['mean']:.1f}" for truth in truths[1:]]
        lines.append(f"| `{row['model']}` | {' | '.join(cells)} |")
    speed = found["speed_max"]
    lines += [
        "",
        f"The last {len(truths) - 1} columns are the means by boxes that were drawn by hand on the "
        "pictures of one kind. In words: "
        f"{found['said']}",
        "",
        f"361 pairs with `max` take {speed['wall']:.0f} s on two cores; "
        f"{speed['outside_fusing_and_detector']:.0%} of the processor time goes neither to fusing "
        "nor to the detector (goal: 20 %): reading pictures, and average precision with its "
        "intervals.",
    ]
    return "\n".join(lines)


def _iou_by_seed(seeds: Iterable[Mapping[str, Any]], light: str) -> NDArray[np.float64]:
    """Return `(seeds, classes)` percent; NaN for classes that no label has in this light."""
    tables = np.array([one["confusion"][light] for one in seeds])
    return 100 * np.where(tables.sum(axis=-1) > 0, intersection_over_union(tables), np.nan)


def downstream() -> str:
    """Return the IoU of a segmenter that was trained again on each kind of picture."""
    found = _results("downstream")
    head = [*found["classes"], "mean", "day", "night", "seeds"]
    lines = [f"| pictures | {' | '.join(head)} |", "|---|" + "---:|" * len(head)]
    for label, seeds in found["rows"].items():
        iou = {light: _iou_by_seed(seeds.values(), light) for light in ("all", "day", "night")}
        means = iou["all"].mean(axis=1)
        cells = [f"{value:.1f}" for value in iou["all"].mean(axis=0)]
        cells += [f"{np.nanmean(values):.1f}" for values in iou.values()]
        cells.append(f"{min(means):.1f} to {max(means):.1f} ({len(seeds)})")
        lines.append(f"| `{label}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def hard() -> str:
    """Return the scores on hard pairs, of all kinds together and the contrast in each."""
    found = _results("hard")
    rows, measures = found["rows"], found["measures"]
    names = [name for name in measures if any(name in row for row in rows.values())]
    parts = list(next(iter(rows.values()))["parts"]["contrast"])
    head = [*(f"{n} {'↑' if measures[n]['larger_is_better'] else '↓'}" for n in names), *parts]
    lines = [f"| method | {' | '.join(head)} |", "|---|" + "---:|" * len(head)]
    for label, row in rows.items():
        cells = [
            f"{100 * row[name]:.1f}"
            if measures[name]["unit"].startswith("%") and name != "halo"
            else f"{row[name]:.2f}"
            for name in names
        ]
        cells += [f"{100 * row['parts']['contrast'][part]:.1f}" for part in parts]
        lines.append(f"| `{label}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def storage() -> str:
    """Return the size of files with fewer bits for each weight, and what that changes."""
    rows = _results("storage")["rows"]
    symbols = list(next(iter(rows.values()))["bits"]["32"]["means"])
    lines = [
        f"| network | bits | MB | largest difference | mean difference | {' | '.join(symbols)} |",
        "|---|---:|---:|---:|---:|" + "---:|" * len(symbols),
    ]
    for name, row in rows.items():
        for bits, found in row["bits"].items():
            means = [f"{found['means'][symbol]:.4g}" for symbol in symbols]
            lines.append(
                f"| `{name}`, {row['pairs']} pairs | {bits} | {found['megabytes']:.3g} "
                f"| {found['largest_difference']:.2f} | {found['mean_difference']:.3f} "
                f"| {' | '.join(means)} |"
            )
    return "\n".join(lines)


def alignment() -> str:
    """Return how many pairs are found within some pixels, what the gate takes, and the time."""
    found = _results("alignment")
    lines = [
        "| pairs | search | number | within 3 / 5 / 10 / 20 px | taken | of these right "
        "| right ones taken | CPU s |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, regimes in {**found["sets"], "all": found["all"]}.items():
        for regime, row in regimes.items():
            within = " / ".join(f"{share:.0f}" for share in row["within"].values())
            precision, recall = (
                "" if row[key] is None else f"{row[key]:.0f} %" for key in ("precision", "recall")
            )
            if regime == "foreign":
                within = precision = recall = ""
            lines.append(
                f"| {name} | {regime} | {row['pairs']} | {within} | {row['taken']:.0f} % "
                f"| {precision} | {recall} | {row['seconds']:.1f} |"
            )
    rigs = found["rigs"]
    errors = ", ".join(f"{error:.2f}" for error in rigs["errors"])
    lines += [
        "",
        f"Rigs of {rigs['pairs']} rendered pairs each, error of the corners: {errors} px at 640.",
    ]
    return "\n".join(lines)


def palettes() -> str:
    """Return one row per palette: its colours, and errors by the quality of JPEG."""
    lines = [
        "| palette | colours from cold to hot | quality 60 | 75 | 90 | 95 |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in _results("palettes")["rendered"]:
        cells = [f"{row[f'error_{quality}']:.1f}" for quality in (60, 75, 90, 95)]
        title = PALETTES[row["palette"]].title
        lines.append(f"| `{row['palette']}` | {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def palette_files() -> str:
    """Return one row per file of a camera: how well its counts are told from its colours."""
    lines = [
        "| file | palette | values | luma | levels off | hidden |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{row['file']}` | `{row['palette']}` | {row['rank']:.3f} | {row['rank_of_luma']:.3f} "
        f"| {row['mean_off']:.1f} | {row['marked']:.0%} |"
        for row in _results("palettes")["cameras"]
    ]
    return "\n".join(lines)


def encoders() -> str:
    """Return the IoU per class of a segmenter with and without ImageNet weights."""
    found = _results("encoders")
    lines = [
        f"| encoder's first weights | mIoU | {' | '.join(found['classes'])} |",
        "|---|---:|" + "---:|" * len(found["classes"]),
    ]
    for name, scores in found["encoders"].items():
        cells = [f"{100 * value:.1f}" for value in scores["iou"]]
        lines.append(f"| {name} | {100 * scores['miou']:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES = {
    "machines": machines,
    "downstream": downstream,
    "hard": hard,
    "alignment": alignment,
    "palettes": palettes,
    "palette-files": palette_files,
    "training-speed": training_speed,
    "encoders": encoders,
    "storage": storage,
    "trained-summary": trained_tables.summary,
    "trainings": trained_tables.trainings,
    "trained-goals": trained_tables.goals,
    "trained-scores": trained_tables.scores,
    "published-scores": published_scores,
    "networks": networks,
    "network-speed": network_speed,
    "efficiency": efficiency,
    "quality": quality,
    "methods": methods,
    "goals": goals,
    "metrics": metrics,
    "metric-speed": metric_speed,
    "protocols": protocols,
}


def render(text: str) -> str:
    """Replace the text between the markers of each table."""
    for name, table in TABLES.items():
        pattern = re.compile(rf"(<!-- table:{name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if pattern.search(text):
            content = table()
            text = pattern.sub(lambda found, c=content: f"{found[1]}{c}\n{found[2]}", text)
    return text


def main() -> None:
    """Rewrite the pages, or check them."""
    arguments = parser(__doc__)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    for name in PAGES:
        page = ROOT / name
        before = page.read_text()
        after = render(before)
        if check and after != before:
            sys.exit(f"{name}: the tables are not what benchmarks/results say; run tables.py")
        page.write_text(after)


if __name__ == "__main__":
    main()
