"""Time of the nine metrics of the papers for one 640x480 pair on one core.

The same run also measures a straightforward NumPy and SciPy version of the same definitions (one
two-dimensional convolution per filtered map, like the field's evaluators), the largest relative
difference between the two, and how much longer the nine take under each protocol than under
`reference`. All times are CPU times on one thread, so that other programs hardly matter.
"""

import statistics
import time

import cv2
import numpy as np
from harness import median_seconds, parser, write_results
from scipy.signal import convolve2d

import imfuse
from imfuse.metrics.catalogue import METRICS, PAPER_METRICS
from imfuse.metrics.planes import Plane, Trio
from imfuse.metrics.protocols import PROTOCOLS
from imfuse.scenes import render
from imfuse.scoring.judge import Item
from imfuse.scoring.scorer import Scorer
from imfuse.types import ImagePair, Picture

ROUNDS = 31
"""Number of times that the protocols take turns."""


def gaussian(side: int, sigma: float) -> np.ndarray:
    """Return a square Gaussian window that sums to 1."""
    x = np.arange(side) - side // 2
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * sigma**2))
    return window / window.sum()


def entropy(p: np.ndarray) -> float:
    """Return the entropy of a distribution in bits."""
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mutual information of two pictures in bits."""
    joint = np.histogram2d(a.ravel(), b.ravel(), bins=256, range=[[0, 256]] * 2)[0] / a.size
    return entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel())


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def vif(source: np.ndarray, fused: np.ndarray) -> float:
    """Return pixel-domain VIF of a fused picture against one source."""
    num = den = 0.0
    for scale in range(4):
        side = 2 ** (4 - scale) + 1
        window = gaussian(side, side / 5)
        if scale:
            source, fused = (convolve2d(x, window, "valid")[::2, ::2] for x in (source, fused))
        mu1, mu2 = (convolve2d(x, window, "valid") for x in (source, fused))
        s1 = np.maximum(convolve2d(source * source, window, "valid") - mu1**2, 0)
        s2 = np.maximum(convolve2d(fused * fused, window, "valid") - mu2**2, 0)
        s12 = convolve2d(source * fused, window, "valid") - mu1 * mu2
        gain = s12 / (s1 + 1e-10)
        noise = s2 - gain * s12
        flat, dark = s1 < 1e-10, s2 < 1e-10
        gain[flat], noise[flat], s1[flat] = 0, s2[flat], 0
        gain[dark], noise[dark] = 0, 0
        noise[gain < 0] = s2[gain < 0]
        gain[gain < 0] = 0
        noise = np.maximum(noise, 1e-10)
        num += np.log10(1 + gain**2 * s1 / (noise + 2)).sum()
        den += np.log10(1 + s1 / 2).sum()
    return float(num / den)


def edges(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return strength and orientation of Sobel edges, with zeros outside."""
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    padded = np.pad(picture, 1)
    gx, gy = (convolve2d(padded, k, "valid") for k in (kernel, kernel.T))
    angle = np.where(gx == 0, -np.pi / 2, np.arctan(gy / np.where(gx == 0, 1, gx)))
    return np.hypot(gx, gy), angle


def qabf(fused: np.ndarray, *sources: np.ndarray) -> float:
    """Return Xydeas and Petrovic's edge transfer."""
    strength, angle = edges(fused)
    total = weights = 0.0
    for source in sources:
        g, a = edges(source)
        low, high = np.minimum(g, strength), np.maximum(g, strength)
        ratio = np.where(high > 0, low / np.where(high > 0, high, 1), 1)
        turn = 1 - np.abs(a - angle) / (np.pi / 2)
        q = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + np.exp(-22 * (turn - 0.8)))
        total += (q * g).sum()
        weights += g.sum()
    return float(total / weights)


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Return Wang's structural similarity."""
    window = gaussian(11, 1.5)
    c1, c2 = 2.55**2, 7.65**2
    mu1, mu2 = convolve2d(a, window, "valid"), convolve2d(b, window, "valid")
    s1 = convolve2d(a * a, window, "valid") - mu1**2
    s2 = convolve2d(b * b, window, "valid") - mu2**2
    s12 = convolve2d(a * b, window, "valid") - mu1 * mu2
    value = (2 * mu1 * mu2 + c1) * (2 * s12 + c2) / ((mu1**2 + mu2**2 + c1) * (s1 + s2 + c2))
    return float(value.mean())


def straightforward(fused: np.ndarray, ir: np.ndarray, vis: np.ndarray) -> dict[str, float]:
    """Return the nine metrics, each computed separately in float64."""
    rows, columns = np.diff(fused, axis=0), np.diff(fused, axis=1)
    gy, gx = np.gradient(fused)
    counts = np.histogram(fused, bins=256, range=(0, 256))[0] / fused.size
    height, width = fused.shape
    return {
        "EN": entropy(counts),
        "SD": float(fused.std()),
        "SF": float(np.sqrt((rows**2).mean() + (columns**2).mean())),
        "AG": float(np.sqrt((gx**2 + gy**2) / 2).sum() / ((height - 1) * (width - 1))),
        "MI": mutual_information(fused, ir) + mutual_information(fused, vis),
        "SCD": correlation(fused - vis, ir) + correlation(fused - ir, vis),
        "VIF": vif(ir, fused) + vif(vis, fused),
        "Qabf": qabf(fused, ir, vis),
        "SSIM": ssim(ir, fused) + ssim(vis, fused),
    }


def protocol_ratios(ir: np.ndarray, vis: np.ndarray) -> dict[str, float]:
    """Return the time of the nine metrics, or those that a protocol has, over that of `reference`.

    The time covers all that is done for a fused picture and its sources, without decoding.
    """
    fused, *sources = (Picture(pixels=x) for x in (imfuse.fuse(ir, vis), ir, vis))
    scorers = [
        Scorer.of(name, None, [s for s in PAPER_METRICS if s in protocol.conventions])
        for name, protocol in PROTOCOLS.items()
    ]
    rounds = []
    for _ in range(ROUNDS):  # the protocols take turns, and each round is compared with itself
        seconds = []
        for scorer in scorers:
            item = Item("pair", ImagePair(ir=sources[0], vis=sources[1]))
            started = time.process_time()
            scorer.score(fused, item)
            seconds.append(time.process_time() - started)
        rounds.append([each / seconds[0] for each in seconds])
    medians = [statistics.median(ratios) for ratios in zip(*rounds, strict=True)]
    return {s.name: round(m, 2) for s, m in zip(scorers, medians, strict=True)}


def main() -> None:
    """Measure all nine together, each separately, by protocol, and the straightforward version."""
    parser(__doc__).parse_args()
    cv2.setNumThreads(1)
    scene = render("street-night", size=(480, 640), seed=0)
    ir, vis, colour = (
        np.rint(x * 255).astype(np.uint8)
        for x in (scene.ir, scene.vis @ [0.299, 0.587, 0.114], scene.vis)
    )
    arrays = [imfuse.fuse(ir, vis), ir, vis]

    def fresh() -> Trio:
        return Trio(*(Plane(x.astype(np.float32)) for x in arrays))

    def ours() -> dict[str, float]:
        trio = fresh()
        return {symbol: METRICS[symbol].of(trio) for symbol in PAPER_METRICS}

    doubles = [x.astype(np.float64) for x in arrays]
    expected, found = straightforward(*doubles), ours()
    seconds = median_seconds(ours, 31, time.process_time)
    plain = median_seconds(lambda: straightforward(*doubles), 3, time.process_time)
    each = {
        symbol: round(1e3 * median_seconds(lambda m=metric: m.of(fresh()), 5, time.process_time), 2)
        for symbol, metric in METRICS.items()
    }
    write_results(
        "metrics",
        {
            "size": "640x480",
            "nine_ms": round(1e3 * seconds, 2),
            "straightforward_ms": round(1e3 * plain, 1),
            "ratio": round(plain / seconds, 1),
            "largest_relative_difference": max(
                abs(found[s] / expected[s] - 1) for s in PAPER_METRICS
            ),
            "protocol_ratios": {
                "gray": protocol_ratios(ir, vis),
                "colour": protocol_ratios(ir, colour),
            },
            "each_ms": each,
        },
    )


if __name__ == "__main__":
    main()
