"""Special scenes: a street in smoke, and a park path behind leaves."""

from dataclasses import replace

import numpy as np

from imfuse.scenes.chance import pick, streams
from imfuse.scenes.clothing import random_clothes
from imfuse.scenes.layout import random_street, roadside, street_world
from imfuse.scenes.people import random_person
from imfuse.scenes.thicket import Thicket
from imfuse.scenes.traffic import small_things
from imfuse.scenes.trees import LEAVES
from imfuse.scenes.weather import Weather, random_weather
from imfuse.scenes.world import Puff, Thing, View, World

Colour = tuple[float, float, float]

CAMOUFLAGE: tuple[Colour, ...] = (
    (0.06, 0.08, 0.035),
    (0.1, 0.085, 0.05),
    (0.045, 0.055, 0.03),
    (0.14, 0.11, 0.07),
)
"""Albedos of clothes that blend in with leaves."""


def smoke_world(seed: int) -> World:
    """Return a street with people in and behind drifting smoke."""
    world = street_world(seed, night=False)
    people, clouds = streams(seed, "smoke people", "smoke clouds")
    things = list(world.things)
    camera = world.view.camera(480, 640)

    def across(u: float, z: float) -> float:
        """Return the world x at a given share of the width of a 4:3 picture."""
        return float(camera.x + z * (np.tan(camera.yaw) + (u - 0.5) * 640 / camera.focal))

    places = [(float(u), float(z)) for u, z in clouds.uniform((0, 4.5), (1, 18), (4, 2))]
    places = places[: int(clouds.integers(2, 5))]
    for _ in range(int(people.integers(2, 5))):
        u, z = float(people.uniform(0.15, 0.85)), float(people.uniform(5, 14))
        things.append(random_person(people, across(u, z), z, world.weather))
        if people.random() < 0.7:
            places.append((u + float(people.normal(0, 0.06)), 0.8 * z))
    smoke = [puff(clouds, across(u, z), z) for u, z in places]
    weather = replace(world.weather, fog=max(world.weather.fog, 0.003))
    return replace(world, things=things, smoke=smoke, weather=weather)


def puff(rng: np.random.Generator, x: float, z: float) -> Puff:
    """Return a ball of smoke that rests on the ground."""
    radius = float(rng.uniform(0.9, 2.8))
    return Puff(
        place=(x, float(rng.uniform(0.2, 0.9)) * radius, z),
        radius=radius,
        density=float(rng.uniform(0.4, 1.6)) * 1.6 / radius,
        seed=int(rng.integers(1 << 20)),
    )


def foliage_world(seed: int) -> World:
    """Return a path in a park with somebody behind leaves."""
    base, sky, sides, people, leaves, small = streams(
        seed, "park", "park sky", "park sides", "park people", "park leaves", "park small"
    )
    weather = replace(random_weather(sky, night=False), wet=0.0)
    if weather.season == "winter":
        weather = replace(weather, season="autumn", air=weather.air + 8)
    street = replace(
        random_street(base),
        half=float(base.uniform(1.0, 1.8)),
        walk=0.1,
        verge=("grass", "grass", "earth")[seed % 3],
        lines="none",
        crossing=None,
        kerbs=False,
    )
    beside = float(base.choice([-1, 1]) * base.uniform(1.5, 4.5))
    view = View(
        eye=float(base.uniform(1.3, 1.65)),
        x=beside,
        yaw=float(base.normal(0, 0.08)),
        focal=float(base.uniform(1.05, 1.4)),
        horizon=float(base.uniform(0.4, 0.5)),
    )
    things = roadside(sides, street, weather, houses=0.25) + small_things(small, street)
    things += hidden_people(people, leaves, view, weather)
    return World(seed=seed, view=view, street=street, weather=weather, things=things)


def hidden_people(
    people: np.random.Generator, leaves: np.random.Generator, view: View, weather: Weather
) -> list[Thing]:
    """Return people in the colours of leaves and earth, with shrubs and branches in front."""
    camera = view.camera(480, 640)
    leaf = pick(leaves, LEAVES[weather.season])
    things: list[Thing] = []
    for _ in range(int(people.integers(1, 4))):
        z = float(people.uniform(4.2, 8.0))
        u = float(people.uniform(0.2, 0.8))
        x = float(camera.x + z * (np.tan(camera.yaw) + (u - 0.5) * 640 / camera.focal))
        clothes = random_clothes(people)
        clothes |= {"top": pick(people, CAMOUFLAGE), "legs": pick(people, CAMOUFLAGE)}
        things.append(replace(random_person(people, x, z, weather), clothes=clothes))
        near = float(leaves.uniform(0.6, 0.85))
        things += shrubs(leaves, x * near + view.x * (1 - near), near * z, leaf)
    if leaves.random() < 0.7:
        things.append(branch(leaves, view, leaf))
    return things


def shrubs(rng: np.random.Generator, x: float, z: float, leaf: Colour) -> list[Thing]:
    """Return a shrub as tall as a person, between two lower and denser ones."""
    high, wide = float(rng.uniform(1.7, 2.2)), float(rng.uniform(1.3, 2.0))
    things: list[Thing] = []
    for side in (0, -1, 1):
        count = int(rng.integers(420, 700) if side == 0 else rng.integers(500, 900))
        things.append(
            Thicket(
                x=x + side * float(rng.uniform(0.7, 1.0)) * wide,
                z=z + abs(side) * float(rng.normal(0, 0.25)),
                height=high * (1.0 if side == 0 else float(rng.uniform(0.45, 0.9))),
                width=wide,
                base=float(rng.uniform(0.0, 0.15)),
                leaf=leaf,
                leaves=count,
                length=float(rng.uniform(0.07, 0.125)),
                seed=int(rng.integers(1 << 20)),
            )
        )
    return things


def branch(rng: np.random.Generator, view: View, leaf: Colour) -> Thicket:
    """Return leaves that hang into the picture from above."""
    return Thicket(
        x=view.x + float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.2)),
        z=2.4,
        height=view.eye + 1.3,
        width=float(rng.uniform(1.5, 3.0)),
        base=view.eye + float(rng.uniform(0.15, 0.6)),
        leaf=leaf,
        leaves=int(rng.integers(200, 420)),
        length=0.085,
        seed=int(rng.integers(1 << 20)),
        hanging=True,
    )
