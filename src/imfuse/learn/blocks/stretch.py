"""Min-max stretching, which some networks apply to their inputs and outputs."""

from torch import Tensor


def stretched(pictures: Tensor) -> Tensor:
    """Return (x - min) / (max - min + 1e-5), with the minimum and maximum of each picture.

    Args:
        pictures: `(b, c, h, w)`, on any scale.

    Returns:
        `(b, c, h, w)` in [0, 1]; 0 for a constant picture.
    """
    least, most = (extreme((1, 2, 3), keepdim=True) for extreme in (pictures.amin, pictures.amax))
    return (pictures - least) / (most - least + 1e-5)
