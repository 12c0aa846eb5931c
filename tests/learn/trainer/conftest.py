"""A network and a recipe so small that whole trainings take no time."""

import numpy as np
import pytest
import torch
from torch import nn

from imfuse.data.catalogue import SCENES
from imfuse.data.sample import Sample
from imfuse.data.sources import Entry, Source
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.blocks.color import luma
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.trainer.recipe import Recipe, Settings
from imfuse.learn.trainer.stage import (
    Losses,
    Objective,
    Optimization,
    Planned,
    Stage,
    exact,
    trainable,
)


class Tiny(FusionNetwork):
    name = "tiny"
    title = paper = good_for = "For tests"
    year = 2026
    activation = "sigmoid"

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1))

    def fuse(self, ir, vis):
        return torch.sigmoid(self.layers(torch.cat([ir, vis], 1)))


class ToMean(Objective):
    """Towards the mean of both pictures; dropout makes it draw random numbers as it goes."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, ir, vis, labels):
        y = luma(vis)
        fused = self.network(nn.functional.dropout(ir, 0.1, training=self.network.training), y)
        with exact(ir):
            error = (fused.float() - (ir + y) / 2).abs().mean()
            return Losses(3 * error, {"error": error})


class TinyRecipe(Recipe):
    name = network = "tiny"
    title = paper = "For tests"
    options = Settings

    def __init__(self, settings):
        super().__init__(settings)
        self.install("fusion", Tiny())
        self.begun = []

    def plan(self, source):
        return [Planned("first", 6), Planned("second", 10)]

    def begin(self, index):
        self.begun.append(index)

    def stage(self, index, workshop):
        self.set_modes(["fusion"])
        adam = torch.optim.Adam(trainable(self.fusion), fused=True)
        return Stage(
            ToMean(self.fusion),
            ["fusion"],
            [Optimization(adam, lambda step: 0.02 / (1 + step), clip=0.5 if index else None)],
            workshop.source,
            self.settings.batch,
            Augmentation(crop=self.settings.crop, flip=True),
        )


class Noise(Source):
    """Pairs of noise with labels, from their numbers alone."""

    layout = SCENES

    def __init__(self, count=5, size=(24, 32)):
        self.entries = tuple(Entry(f"n{i}", "train", f"n{i}", labelled=True) for i in range(count))
        self.size = size

    def load(self, index):
        rng = np.random.default_rng(index)
        ir, red, labels = rng.integers(0, [[[256]], [[256]], [[9]]], (3, *self.size), np.uint8)
        vis = np.stack([red, ir // 2, red // 3], axis=2)
        return Sample(self.entries[index].name, ir, vis, labels)


@pytest.fixture
def tiny():
    return TinyRecipe


@pytest.fixture
def noise():
    return Noise
