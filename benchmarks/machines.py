"""AP of a frozen detector on MSRS's 361 test pairs, by four truths, and what the bench costs.

Goals: 361 pairs with `max` in under a minute on two cores; less than 20 % of the time outside
fusing and the detector. Needs `IMFUSE_DATA`.

`python machines.py [--models A,B,...]`: `max` alone is timed first.
"""

import os
import time
from collections import Counter
from functools import wraps
from pathlib import Path

from harness import parser, write_results

from imfuse.bench.judges import detection_judge
from imfuse.bench.machines import BASELINES, SENSORS, MachineSummary
from imfuse.bench.run import Bench, Competitor, competitors_of
from imfuse.bench.verdict import paragraph
from imfuse.data.opening import open_for_comparing
from imfuse.vision.detector import OnnxDetector

MODELS = "max,laplacian,laplacian-max,dwt,gff,seafusion,refinefuse"
TRUTHS = {
    "labels": "boxes.json",
    "hand, infrared": "boxes_hand_infrared.json",
    "hand, visible": "boxes_hand_visible.json",
    "hand, fusion": "boxes_hand_fusion.json",
}


def _timed(seconds: Counter[str], kind: type, method: str, name: str) -> None:
    """Count the CPU time of the calling thread that a method takes."""
    plain = getattr(kind, method)

    @wraps(plain)
    def counted(*arguments: object, **options: object) -> object:
        started = time.thread_time()
        try:
            return plain(*arguments, **options)
        finally:
            seconds[name] += time.thread_time() - started

    setattr(kind, method, counted)


def _run(data: Path, models: list[str]) -> tuple[MachineSummary, dict[str, float]]:
    started, cpu = time.perf_counter(), time.process_time()
    truths = [f"{name}={data / file}" for name, file in TRUTHS.items()]
    source = open_for_comparing(data)
    judge = detection_judge(data.parents[1] / "checkpoints/yolox_nano.onnx", source.layout, truths)
    competitors = [*SENSORS, *competitors_of(models, baselines=BASELINES)]
    bench = Bench(competitors, source.pairs(), [judge], audit=False, workers=2)
    list(bench)
    summary = MachineSummary.of("detect", bench)
    spent = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    return summary, {name: round(value, 1) for name, value in spent.items()}


def main() -> None:
    """Time `max`, then make the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--models", default=MODELS)
    models = arguments.parse_args().models.split(",")
    data = Path(os.environ["IMFUSE_DATA"]) / "msrs/test"
    seconds: Counter[str] = Counter()
    _timed(seconds, OnnxDetector, "detect", "detector")
    _timed(seconds, Competitor, "fused", "fusing")
    truths = dict(TRUTHS)
    TRUTHS.clear()  # the set's own
    _, spent = _run(data, ["max"])
    TRUTHS.update(truths)
    speed = {
        **spent,
        **{name: round(value, 1) for name, value in seconds.items()},
        "outside_fusing_and_detector": round(1 - sum(seconds.values()) / spent["cpu"], 3),
    }
    summary, _ = _run(data, models)
    write_results("machines", {"speed_max": speed, "said": paragraph(summary), **summary.as_dict()})


if __name__ == "__main__":
    main()
