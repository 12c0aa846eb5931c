"""Random streets: their plan, houses, trees and lamps, and the traffic on them."""

import numpy as np

from imfuse.scenes.barriers import Kerb
from imfuse.scenes.buildings import Building
from imfuse.scenes.chance import pick, streams
from imfuse.scenes.furniture import LampPost, Sign
from imfuse.scenes.ground import Street
from imfuse.scenes.traffic import bumps, cars, small_things, walkers_on
from imfuse.scenes.trees import LEAVES, Tree
from imfuse.scenes.walls import Facade
from imfuse.scenes.weather import Weather, random_weather
from imfuse.scenes.world import Thing, View, World

Colour = tuple[float, float, float]
WALLS: tuple[Colour, ...] = (
    (0.34, 0.3, 0.25),
    (0.42, 0.4, 0.36),
    (0.24, 0.12, 0.085),
    (0.5, 0.47, 0.4),
    (0.2, 0.2, 0.2),
    (0.36, 0.24, 0.16),
    (0.3, 0.32, 0.33),
    (0.45, 0.36, 0.24),
)
ROOFS: tuple[Colour, ...] = ((0.22, 0.09, 0.055), (0.12, 0.1, 0.09), (0.07, 0.075, 0.085))
LAMPS: tuple[Colour, ...] = ((1.0, 0.62, 0.25), (0.95, 1.0, 0.9), (1.0, 0.86, 0.62))


def street_world(seed: int, *, night: bool, foggy: bool = False) -> World:
    """Return a street; the same seed gives the same street by day and by night."""
    base, sky, sides, traffic, walkers, small = streams(
        seed, "base", "sky", "sides", "traffic", "walkers", "small"
    )
    weather = random_weather(sky, night=night, foggy=foggy)
    street = random_street(base)
    view = View(
        eye=float(base.uniform(1.25, 1.75)),
        x=float(base.uniform(-0.4, 0.9)) * street.half,
        yaw=float(base.normal(0, 0.06)),
        focal=float(base.uniform(0.95, 1.35)),
        horizon=float(base.uniform(0.4, 0.52)),
    )
    things = roadside(sides, street, weather)
    things += cars(traffic, street, view, weather)
    things += walkers_on(walkers, street, weather)
    things += small_things(small, street)
    flat = [*kerbs(street), *bumps(small, street)]
    return World(
        seed=seed,
        view=view,
        street=street,
        weather=weather,
        things=things,
        flat=flat,
        headlights=night and abs(view.x) < street.half and base.random() < 0.4,
    )


def random_street(rng: np.random.Generator) -> Street:
    """Draw a random plan of the ground."""
    tone = float(rng.uniform(0.085, 0.23))
    paving = float(rng.uniform(0.2, 0.34))
    red = float(rng.choice([0, 0, 0.06]))
    return Street(
        half=float(rng.uniform(2.8, 5.2)),
        walk=float(rng.uniform(1.4, 3.2)),
        bend=float(rng.normal(0, 0.0012)) if rng.random() < 0.5 else 0.0,
        verge=("grass", "paved", "earth")[int(rng.choice(3, p=[0.45, 0.4, 0.15]))],
        lines=("dashed", "double", "none")[int(rng.choice(3, p=[0.4, 0.2, 0.4]))],
        crossing=float(rng.uniform(6, 18)) if rng.random() < 0.25 else None,
        kerbs=bool(rng.random() < 0.72),
        seed=int(rng.integers(1 << 20)),
        road=(tone, tone * 1.01, tone * 1.02),
        pavement=(paving + red, paving, paving * 0.93 - red / 2),
    )


def kerbs(street: Street) -> list[Thing]:
    """Return the kerbs on both sides, if any, in stretches that grow with distance."""
    things: list[Thing] = []
    z, length = -1.0, 2.5
    while z < 85 and street.kerbs:
        things += [Kerb(street=street, side=side, z=z, length=length) for side in (-1.0, 1.0)]
        z, length = z + length, length * 1.35
    return things


def roadside(
    rng: np.random.Generator, street: Street, weather: Weather, *, houses: float = 0.7
) -> list[Thing]:
    """Return houses, trees, hedges, lamps and signs along both sides."""
    things: list[Thing] = []
    leaf = pick(rng, LEAVES[weather.season])
    bare = weather.season == "winter" and rng.random() < 0.7
    colour, power = pick(rng, LAMPS), float(rng.uniform(14, 34))
    for side in (-1.0, 1.0):
        edge = street.half + street.walk
        built = rng.random() < houses
        back = edge + float(rng.uniform(0.3, 7.0))
        z = float(rng.uniform(-6, 14))
        while z < 120:
            run = float(rng.uniform(7, 24))
            if built and rng.random() < 0.85:
                things.append(house(rng, street, side, back, (z, run)))
            else:
                things += grove(rng, street, side * (back + 1), (z, run), leaf, bare=bare)
            z += run + float(rng.uniform(0, 5))
        if rng.random() < 0.6:
            row = edge - 0.4 if rng.random() < 0.5 else edge + 1.2
            things += avenue(rng, street, side * row, leaf, bare=bare)
        things += lamps_and_signs(rng, street, side, colour, power)
    return things


def lamps_and_signs(
    rng: np.random.Generator, street: Street, side: float, colour: Colour, power: float
) -> list[Thing]:
    """Return a row of street lamps and a sign, or neither, on one pavement."""
    things: list[Thing] = []
    if rng.random() < 0.75:
        step, start = float(rng.uniform(14, 26)), float(rng.uniform(5, 20))
        for z in (start, start + step, start + 2 * step, start + 3 * step):
            x, height = street.x(side * (street.half + 0.5), z), float(rng.uniform(5.0, 7.0))
            arm = -side * 1.1
            things.append(LampPost(x=x, z=z, height=height, arm=arm, colour=colour, power=power))
    if rng.random() < 0.4:
        z = float(rng.uniform(7, 25))
        tint = pick(rng, ((0.5, 0.02, 0.03), (0.02, 0.08, 0.4), (0.55, 0.4, 0.02)))
        x, corners = street.x(side * (street.half + 0.4), z), pick(rng, (24, 4, 8))
        things.append(Sign(x=x, z=z, colour=tint, corners=corners))
    return things


def house(
    rng: np.random.Generator, street: Street, side: float, back: float, place: tuple[float, float]
) -> Building:
    """Return a house whose front is `back` metres from the middle line."""
    z, run = place
    middle = street.x(side * back, z + run / 2)
    deep = float(rng.uniform(8, 14))
    wall = pick(rng, WALLS)
    storey = float(rng.uniform(2.9, 3.7))
    facade = Facade(
        wall=wall,
        roof=pick(rng, ROOFS),
        storey=storey,
        bay=float(rng.uniform(1.9, 4.2)),
        window=(float(rng.uniform(0.35, 0.8)), float(rng.uniform(0.4, 0.62))),
        brick=float(rng.random() < 0.4),
        shop=bool(rng.random() < 0.35),
        lit=float(rng.choice([0.08, 0.22, 0.5])),
        warmth=float(rng.uniform(0.5, 3.0)),
        seed=int(rng.integers(1 << 20)),
    )
    x0, x1 = sorted((middle, middle + side * deep))
    storeys = int(rng.integers(1, 6))
    pitched = storeys < 4 and rng.random() < 0.6
    return Building(
        x0=x0,
        x1=x1,
        z0=z,
        z1=z + run,
        height=storey * storeys + 0.4,
        ridge=deep * float(rng.uniform(0.22, 0.42)) if pitched else 0.0,
        facade=facade,
    )


def grove(
    rng: np.random.Generator,
    street: Street,
    across: float,
    place: tuple[float, float],
    leaf: Colour,
    *,
    bare: bool,
) -> list[Thing]:
    """Return a loose group of trees and bushes."""
    z, run = place
    things: list[Thing] = []
    side = np.sign(across)
    for _ in range(int(rng.integers(2, 5))):
        at = max(z + float(rng.uniform(0, run)), 4.0)
        height = float(rng.uniform(5, 11))
        things.append(
            Tree(
                x=street.x(across + side * float(rng.uniform(0.5, 6)), at),
                z=at,
                height=height,
                crown=height * float(rng.uniform(0.26, 0.4)),
                trunk=height * float(rng.uniform(0.15, 0.35)),
                leaf=leaf,
                bare=bare,
                seed=int(rng.integers(1 << 20)),
            )
        )
        if rng.random() < 0.6:
            tall = float(rng.uniform(0.8, 2.0))
            at = max(z + float(rng.uniform(0, run)), 5.0)
            things.append(
                Tree(
                    x=street.x(across + side * float(rng.uniform(0, 3)), at),
                    z=at,
                    height=tall,
                    crown=tall * float(rng.uniform(0.6, 1.1)),
                    trunk=0.0,
                    leaf=leaf,
                    bare=False,
                    seed=int(rng.integers(1 << 20)),
                )
            )
    return things


def avenue(
    rng: np.random.Generator, street: Street, across: float, leaf: Colour, *, bare: bool
) -> list[Thing]:
    """Return a row of similar trees along the street."""
    step, height = float(rng.uniform(7, 12)), float(rng.uniform(5, 9))
    start = float(rng.uniform(4, 12))
    return [
        Tree(
            x=street.x(across, start + k * step),
            z=start + k * step,
            height=height * float(rng.uniform(0.85, 1.15)),
            crown=height * float(rng.uniform(0.28, 0.38)),
            trunk=height * float(rng.uniform(0.3, 0.4)),
            leaf=leaf,
            bare=bare,
            seed=int(rng.integers(1 << 20)),
        )
        for k in range(5)
    ]
