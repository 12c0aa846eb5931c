"""Random traffic: cars, people, bicycles, and small objects around them."""

import numpy as np

from imfuse.scenes.barriers import Block, Guardrail
from imfuse.scenes.bikes import Bike
from imfuse.scenes.bodies import BODIES, PAINTS
from imfuse.scenes.canvas import BUMP, CAR_STOP
from imfuse.scenes.cars import Car
from imfuse.scenes.chance import pick
from imfuse.scenes.clothing import random_clothes
from imfuse.scenes.furniture import Bollard, Cone
from imfuse.scenes.ground import Street
from imfuse.scenes.people import Person, random_person
from imfuse.scenes.weather import Weather
from imfuse.scenes.world import Thing, View


def cars(rng: np.random.Generator, street: Street, view: View, weather: Weather) -> list[Thing]:
    """Return parked and moving cars."""
    things: list[Thing] = []
    for side in (-1.0, 1.0):
        if street.half > 3.4 and rng.random() < 0.55:
            z = float(rng.uniform(5, 16))
            for _ in range(int(rng.integers(1, 5))):
                across = side * (street.half - 1.1)
                if abs(across - view.x) > 1.7 or z > 8:
                    things.append(
                        random_car(
                            rng,
                            street,
                            across,
                            z,
                            0.0 if side > 0 else np.pi,
                            parked=True,
                            weather=weather,
                        )
                    )
                z += float(rng.uniform(5.3, 9))
    for k in range(int(rng.choice([0, 1, 1, 2, 3, 4]))):
        oncoming = k == 0 or rng.random() < 0.5
        across = (-0.45 if oncoming else 0.45) * min(street.half, 4.2)
        z = float(rng.uniform(7, 45)) if abs(across - view.x) > 1.3 else float(rng.uniform(9, 45))
        if all(np.hypot(t.x - street.x(across, z), t.z - z) > 5.5 for t in things):
            things.append(
                random_car(
                    rng,
                    street,
                    across,
                    z,
                    np.pi if oncoming else 0.0,
                    parked=False,
                    weather=weather,
                )
            )
    return things


def random_car(
    rng: np.random.Generator,
    street: Street,
    across: float,
    z: float,
    heading: float,
    *,
    parked: bool,
    weather: Weather,
) -> Car:
    """Return a car for a position."""
    lit = weather.night or weather.fog > 0.01 or weather.wet > 0.5
    recently = float(rng.uniform(0, 0.5)) if rng.random() < 0.3 else 0.0
    moving = float(rng.uniform(0.6, 1))
    braking = bool(rng.random() < 0.4)
    return Car(
        x=street.x(across, z),
        z=z,
        heading=heading - 2 * street.bend * z + float(rng.normal(0, 0.03)),
        body=pick(rng, BODIES),
        paint=pick(rng, PAINTS),
        driven=recently if parked else moving,
        lights=lit and not parked,
        braking=braking,
    )


def walkers_on(rng: np.random.Generator, street: Street, weather: Weather) -> list[Thing]:
    """Return people on the pavements, some in groups, some crossing, some on bicycles."""
    things: list[Thing] = []
    for _ in range(int(rng.choice([1, 2, 3, 4, 6]))):
        z = float(4.5 + rng.gamma(2.0, 6.0))
        crossing = rng.random() < 0.3
        side = float(rng.choice([-1.0, 1.0]))
        across = (
            float(rng.uniform(-1, 1) * street.half * 0.9)
            if crossing
            else side * (street.half + float(rng.uniform(0.4, street.walk)))
        )
        heading = (
            float(rng.choice([-np.pi / 2, np.pi / 2]) + rng.normal(0, 0.3)) if crossing else None
        )
        for k in range(int(rng.choice([1, 1, 2, 3]))):
            x = street.x(across + 0.62 * k * side, z)
            things.append(
                random_person(rng, x, z + float(rng.normal(0, 0.25)), weather, heading=heading)
            )
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        z = float(rng.uniform(6, 25))
        things.append(
            rider(rng, street.x(float(rng.uniform(-0.8, 0.8)) * street.half, z), z, weather)
        )
    for _ in range(int(rng.choice([0, 0, 0, 1, 3]))):
        z, side = float(rng.uniform(5, 18)), float(rng.choice([-1.0, 1.0]))
        x = street.x(side * (street.half + street.walk - 0.5), z)
        things.append(
            Bike(x=x, z=z, heading=float(rng.normal(np.pi / 2, 0.4)), colour=pick(rng, PAINTS))
        )
    return things


def rider(rng: np.random.Generator, x: float, z: float, weather: Weather) -> Bike:
    """Return a person on a bicycle."""
    heading = float(rng.choice([0.0, np.pi, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.2))
    person = Person(
        x=x,
        z=z,
        height=float(rng.uniform(1.6, 1.8)),
        heading=heading,
        phase=float(rng.uniform(0, 6.28)),
        stride=0.4,
        coat=0.0,
        burden=str(rng.choice(["", "backpack"])),
        clothes=random_clothes(rng),
        insulation=float(rng.uniform(0, 0.6)),
        seed=int(rng.integers(1 << 20)),
        riding=True,
    )
    return Bike(
        x=x, z=z, heading=heading, colour=pick(rng, PAINTS), rider=person, lit=weather.night
    )


def small_things(rng: np.random.Generator, street: Street) -> list[Thing]:
    """Return cones, car stops, bollards and guardrails, each of which only some worlds have."""
    things: list[Thing] = []
    if rng.random() < 0.3:
        z, across = float(rng.uniform(4, 12)), float(rng.uniform(-0.9, 0.9)) * street.half
        for k in range(int(rng.integers(1, 6))):
            at = z + k * float(rng.uniform(1.2, 2.5))
            things.append(
                Cone(x=street.x(across + 0.15 * k, at), z=at, height=float(rng.uniform(0.55, 0.8)))
            )
    if rng.random() < 0.3:
        side = float(rng.choice([-1.0, 1.0]))
        for k in range(int(rng.integers(2, 6))):
            z = 5.0 + 2.6 * k
            x = street.x(side * (street.half + street.walk + 1.2), z)
            things.append(
                Block(x=x, z=z, width=1.7, height=0.13, length=0.16, bands=0, label=CAR_STOP)
            )
    if rng.random() < 0.3:
        side, step, steel = (
            float(rng.choice([-1.0, 1.0])),
            float(rng.uniform(1.4, 2.6)),
            bool(rng.random() < 0.4),
        )
        for k in range(int(rng.integers(3, 8))):
            z = 4.5 + step * k
            things.append(Bollard(x=street.x(side * (street.half + 0.35), z), z=z, steel=steel))
    if rng.random() < 0.32:
        side = float(rng.choice([-1.0, 1.0]))
        tint = pick(rng, ((0.5, 0.5, 0.5), (0.6, 0.6, 0.56), (0.12, 0.2, 0.14)))
        z, pipes = float(rng.uniform(1.5, 6)), bool(rng.random() < 0.6)
        across = side * (street.half + 0.3)
        things += [
            Guardrail(
                street=street, across=across, z=z + 6 * k, length=6.0, pipes=pipes, colour=tint
            )
            for k in range(int(rng.integers(2, 6)))
        ]
    return things


def bumps(rng: np.random.Generator, street: Street) -> list[Thing]:
    """Return a speed bump across the road, which only some worlds have."""
    if rng.random() > 0.25:
        return []
    z = float(rng.uniform(6, 16))
    return [
        Block(
            x=street.x(0, z),
            z=z,
            width=2 * street.half - 0.8,
            height=0.07,
            length=0.42,
            bands=int(rng.integers(8, 16)),
            label=BUMP,
        )
    ]
