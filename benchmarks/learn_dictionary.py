"""Learn the dictionary of the method `mst-sr` from synthetic textures.

Run `python benchmarks/learn_dictionary.py`; it writes `src/imfuse/weights/mst_sr_dictionary.npy`
(256 atoms of 8x8 pixels, float32) in half a minute. The same seed gives the same dictionary up to
rounding of the linear algebra library.

The textures are dead leaves (shaded shapes that occlude one another) and fractal noise, both with
the 1/f spectrum of natural pictures, free of sensor noise and copyright. Training is approximate
K-SVD: sparse coding, then one power iteration per atom.

References:
    M. Aharon, M. Elad, A. Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries
    for sparse representation", IEEE Transactions on Signal Processing 54(11), 2006.
    A. B. Lee, D. Mumford, J. Huang, "Occlusion models for natural images", IJCV 41, 2001.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.ops.sparse import PATCH, pursue

Array = NDArray[np.float64]

OUT = Path(__file__).parents[1] / "src" / "imfuse" / "weights" / "mst_sr_dictionary.npy"
ATOMS = 256
SPARSITY = 6
SIDE = 256
LEAST_STD = 2.0
"""Standard deviation, on the scale of 0 to 255, below which a patch is too flat to learn from."""


def dead_leaves(rng: np.random.Generator) -> Array:
    """Draw overlapping ellipses and rectangles of random shade, with sizes distributed as 1/r^3."""
    picture = np.full((4 * SIDE, 4 * SIDE), rng.uniform(0, 255), np.float32)
    for _ in range(1500):
        radius = 8 / np.sqrt(rng.uniform(1e-3, 1))
        centre = rng.uniform(0, 4 * SIDE, 2)
        shade, angle = rng.uniform(0, 255), rng.uniform(0, 360)
        size = (float(2 * radius), float(2 * radius * rng.uniform(0.3, 1)))
        box = (tuple(map(float, centre)), size, float(angle))
        if rng.random() < 0.5:
            cv2.ellipse(picture, box, float(shade), -1)
        else:
            cv2.fillPoly(picture, [cv2.boxPoints(box).astype(np.int32)], float(shade))
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)


def fractal(rng: np.random.Generator) -> Array:
    """Return noise whose amplitude falls with the frequency, stretched along a random direction."""
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(1, 3)
    along = fx * np.cos(angle) + fy * np.sin(angle)
    across = fy * np.cos(angle) - fx * np.sin(angle)
    frequency = np.sqrt(along**2 + (stretch * across) ** 2) + 1 / SIDE
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / frequency ** rng.uniform(1.0, 1.8)
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    return 127 + 50 * noise / noise.std()


def training_patches(rng: np.random.Generator, count: int) -> Array:
    """Return zero-mean patches `(count, 64)`, half from each kind of texture."""
    found: list[Array] = []
    for number in range(count // 250 + 1):
        picture = dead_leaves(rng) if number % 2 else fractal(rng)
        corners = rng.integers(0, SIDE - PATCH, (400, 2))
        patches = np.stack([picture[y : y + PATCH, x : x + PATCH].ravel() for y, x in corners])
        patches -= patches.mean(axis=1, keepdims=True)
        found.append(patches[patches.std(axis=1) > LEAST_STD][:250])
    return rng.permutation(np.concatenate(found))[:count]


def update(dictionary: Array, signals: Array, codes: Array) -> None:
    """Improve each atom and the codes that use it in place, with the others fixed.

    An atom that is hardly used is replaced by the worst-represented signal.
    """
    error = signals - codes @ dictionary.T
    for k in range(dictionary.shape[1]):
        users = np.flatnonzero(codes[:, k])
        if len(users) < 5:
            worst = int(np.argmax(np.einsum("nd,nd->n", error, error)))
            dictionary[:, k] = signals[worst] / np.linalg.norm(signals[worst])
            error[worst] = 0
            continue
        rest = error[users] + np.outer(codes[users, k], dictionary[:, k])
        atom = rest.T @ codes[users, k]
        dictionary[:, k] = atom / np.linalg.norm(atom)
        codes[users, k] = rest @ dictionary[:, k]
        error[users] = rest - np.outer(codes[users, k], dictionary[:, k])


def learn(signals: Array, rounds: int, rng: np.random.Generator) -> Array:
    """Return a dictionary `(64, 256)` of unit atoms, initialised with signals."""
    chosen = signals[rng.choice(len(signals), ATOMS, replace=False)]
    dictionary = (chosen / np.linalg.norm(chosen, axis=1, keepdims=True)).T.copy()
    for number in range(rounds):
        codes = pursue(signals, dictionary, 0.0, SPARSITY)
        error = np.sqrt(np.mean((signals - codes @ dictionary.T) ** 2))
        print(f"round {number + 1}: error {error:.3f} of 255 with {SPARSITY} atoms a patch")
        update(dictionary, signals, codes)
    return dictionary


def main() -> None:
    """Learn the dictionary and write it into the package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patches", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    dictionary = learn(training_patches(rng, options.patches), options.rounds, rng)
    np.save(options.out, dictionary.astype(np.float32))
    print(f"wrote {options.out} ({options.out.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
