"""Weights and pictures that anybody can make again from names and shapes alone.

The networks of the papers' authors can't be part of this project. What they compute can: each was
run once with the weights and the pair made here, and some values of its output are kept in
`tests/learn/originals/NAME.json`, with the names and shapes of its weights:

    {"network": our name, "source": repository and file of the original,
     "note": how it was run: inputs' scale, what was left out,
     "visible": "luma" or "rgb", "size": [height, width], "settings": {of our network},
     "weights": [[key, shape], ...] in the original's names, in its order,
     "step": [rows, columns], "output": [[value, ...], ...]  # output[::rows, ::columns] on 0 to 1
    }

An output of several channels is kept as its mean. Where the weights would drive a network into
saturation, or hide a part of it, the record has `"gains": {pattern: factor, ...}`: weights in whose
key the pattern is found are multiplied by the factor. Where the network also gives other pictures
than the fused one, `"parts": {field of features(): values, ...}` may hold them in the same steps.
Counters of batch norms, which no forward pass uses, may be left out.

Two folders beside them hold records that tests of their own read: `tensorflow/`, with weights in
that program's layout, and `guides/`, segmenters with an output of all classes for each head.
"""

import re
import zlib

import numpy as np


def tensor(key, shape):
    """Return the weight of a name: normal, scaled so that signals neither vanish nor explode."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    last = key.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    values = rng.standard_normal(shape).astype(np.float32)
    if last == "running_var":
        return 1 + 0.2 * np.abs(values)
    if len(shape) >= 2:
        return values * np.float32(1.2 / np.sqrt(np.prod(shape[1:])))
    if last == "weight":
        return 1 + 0.2 * values
    return np.float32(0.1) * values


def weights(listing, gains=()):
    """Return arrays for `[[key, shape], ...]`, multiplied as `gains` asks."""
    arrays = {key: tensor(key, tuple(shape)) for key, shape in listing}
    for pattern, factor in dict(gains).items():
        arrays |= {k: v * np.float32(factor) for k, v in arrays.items() if re.search(pattern, k)}
    return arrays


def pair(height, width, visible="luma"):
    """Return infrared and visible pictures in [0, 1] with structure at several scales.

    Infrared is `(height, width)`; visible likewise, or `(height, width, 3)` for `rgb`.
    """
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    picture = []
    for channel in range(4):
        waves = np.sin(x / (3 + channel)) * np.cos(y / (5 - channel / 2)) + np.sin((x + y) / 9)
        picture.append(np.clip(0.5 + 0.2 * waves + 0.08 * rng.standard_normal(x.shape), 0, 1))
    ir, *rgb = (p.astype(np.float32) for p in picture)
    return ir, rgb[0] if visible == "luma" else np.stack(rgb, -1)
