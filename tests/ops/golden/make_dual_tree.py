"""Write dual_tree.npz with the package `dtcwt` 0.14 (which needs NumPy < 2 and SciPy).

Run `python make_dual_tree.py` in an environment that holds them; tests only read the file.
"""

from pathlib import Path

import numpy as np

SIZE = 32, 48


def picture():
    """Return a smooth texture with a disc, in [0, 1]."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = (x - 20) ** 2 + (y - 14) ** 2 < 60
    values = np.sin(0.31 * x + 0.17 * y) + np.cos(0.9 * x - 0.5 * y) + disc
    return (values - values.min()) / (values.max() - values.min())


def main():
    import dtcwt

    tree = dtcwt.Transform2d(biort="legall", qshift="qshift_06").forward(picture(), nlevels=4)
    bands = {
        f"band{level}": np.moveaxis(band, -1, 0).astype(np.complex64)
        for level, band in enumerate(tree.highpasses)
    }
    out = Path(__file__).with_name("dual_tree.npz")
    np.savez_compressed(out, low=tree.lowpass.astype(np.float32), **bands)


if __name__ == "__main__":
    main()
