"""Clothing, and how much body warmth shows through each part of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes.camera import Box, Points
from imfuse.scenes.textures import patch
from imfuse.types import Float

Colour = tuple[float, float, float]

SKINS: tuple[Colour, ...] = ((0.45, 0.28, 0.2), (0.38, 0.22, 0.15), (0.2, 0.11, 0.07))
HAIRS: tuple[Colour, ...] = ((0.012, 0.01, 0.009), (0.03, 0.018, 0.01), (0.12, 0.075, 0.035))
TOPS: tuple[Colour, ...] = (
    (0.02, 0.022, 0.026), (0.035, 0.04, 0.06), (0.42, 0.41, 0.4), (0.32, 0.03, 0.035),
    (0.04, 0.09, 0.26), (0.2, 0.19, 0.17), (0.1, 0.12, 0.08), (0.5, 0.36, 0.12), (0.36, 0.2, 0.24),
)  # fmt: skip
LEGS: tuple[Colour, ...] = (
    (0.018, 0.019, 0.022),
    (0.045, 0.06, 0.1),
    (0.2, 0.17, 0.13),
    (0.07, 0.07, 0.07),
)
BARE = frozenset({"skin", "face", "hands", "limb"})
"""Parts kept warm by blood, whatever the sun and the folds do."""


@dataclass(frozen=True, kw_only=True)
class Wear:
    """The cut of a person's clothes, which does not depend on the time of day.

    Attributes:
        sleeves: True if the forearms are covered.
        trousers: True if the shins are covered.
        open_front: True if the coat is open.
        glasses: True if glasses, which are opaque to heat, cover the eyes.
        hat: True if a hat covers the hair.
        shares: Share of the skin's excess temperature over the air that shows at each part.
        colours: Albedo of parts that the outfit does not name.
    """

    sleeves: bool
    trousers: bool
    open_front: bool
    glasses: bool
    hat: bool
    shares: dict[str, float]
    colours: dict[str, Colour]


def wear(seed: int, insulation: float, skin: Colour) -> Wear:
    """Return a person's outfit; cloth looks colder the better it insulates."""
    rng = np.random.default_rng([seed, 12])
    sleeves, trousers, front, glasses, hat = rng.random(5)
    top, legs, hands, hair, shoes, bag = rng.standard_normal(6)
    torso = float(np.clip(0.55 - 0.36 * insulation + 0.13 * top, 0.14, 0.76))
    shares = {
        "face": 1.0,
        "skin": 0.96,
        "limb": 0.86,
        "hands": float(np.clip(0.84 - 0.22 * insulation + 0.1 * hands, 0.45, 0.95)),
        "hair": float(np.clip(0.5 + 0.08 * hair, 0.3, 0.66)),
        "hat": float(np.clip(0.26 + 0.06 * hair, 0.12, 0.4)),
        "glasses": 0.3,
        "top": torso,
        "shirt": min(torso + 0.24, 0.84),
        # Trousers are closer to the body than coats, so they are usually warmer.
        "legs": float(np.clip(0.66 - 0.2 * insulation + 0.13 * legs, 0.25, 0.84)),
        "shoes": float(np.clip(0.2 + 0.1 * shoes, 0.0, 0.45)),
        "bag": float(np.clip(0.1 + 0.06 * bag, 0.0, 0.25)),
    }
    tint = TOPS[int(rng.integers(len(TOPS)))]
    return Wear(
        sleeves=bool(sleeves > 0.75 - 1.6 * insulation),
        trousers=bool(trousers > 0.45 - insulation),
        open_front=bool(front < 0.1 + 0.6 * insulation),
        glasses=bool(glasses < 0.3),
        hat=bool(hat < 0.15 + 0.35 * insulation),
        shares=shares,
        colours={"limb": skin, "shirt": tint, "hat": tint[::-1], "glasses": (0.02, 0.02, 0.02)},
    )


def body_heat(seed: int, box: Box, foot: NDArray[np.float64], scale: float, close: Points) -> Float:
    """Return a temperature variation around 0: warmer where clothes touch, colder where they hang.

    Args:
        seed: Seed of the folds.
        box: Part of the picture that is filled.
        foot: Pixel to which the folds are anchored.
        scale: Pixels per metre.
        close: `(N, 2)` pixels where cloth is close to the body, such as armpits and neck.
    """
    folds = patch(seed + 3, box, foot, max(0.012 * scale, 0.05), slope=0.7)
    regions = patch(seed + 5, box, foot, max(0.022 * scale, 0.05), slope=1.25)
    heat: Float = np.float32(0.55) * folds + np.float32(0.8) * regions
    x = np.arange(box[0], box[2], dtype=np.float32) + 0.5
    y = np.arange(box[1], box[3], dtype=np.float32) + 0.5
    width = np.float32(max(0.06 * scale, 0.3))
    for u, v in close:
        across = np.exp(-(((x - np.float32(u)) / width) ** 2))
        down = np.exp(-(((y - np.float32(v)) / (width * np.float32(1.5))) ** 2))
        heat += np.float32(1.6) * down[:, None] * across[None]
    return heat


def random_clothes(rng: np.random.Generator) -> dict[str, Colour]:
    """Draw an outfit."""
    skin = SKINS[rng.integers(len(SKINS))]
    fade = rng.uniform(0.75, 1.25, 4)
    top, legs, bag = (
        TOPS[rng.integers(len(TOPS))],
        LEGS[rng.integers(len(LEGS))],
        TOPS[rng.integers(len(TOPS))],
    )
    shoe = (0.4, 0.4, 0.4) if rng.random() < 0.3 else (0.02, 0.02, 0.02)
    picked = {"top": top, "legs": legs, "bag": bag, "shoes": shoe}
    clothes = {
        n: (a * f, b * f, d * f) for (n, (a, b, d)), f in zip(picked.items(), fade, strict=True)
    }
    return clothes | {
        "skin": skin,
        "face": skin,
        "hands": skin,
        "hair": HAIRS[rng.integers(len(HAIRS))],
    }
