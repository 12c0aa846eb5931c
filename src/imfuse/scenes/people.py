"""People: clothed, articulated figures of round limbs, warm where skin is bare."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.camera import Points, enclosing
from imfuse.scenes.canvas import Canvas, Grain, Material
from imfuse.scenes.clothing import BARE, Colour, Wear, body_heat, random_clothes, wear
from imfuse.scenes.light import contact_shadow
from imfuse.scenes.textures import patch
from imfuse.scenes.weather import Weather

Vector = NDArray[np.float64]


class Limb(NamedTuple):
    """A tapered round bar between two joints, with the name of its clothing."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radii: tuple[float, float]
    cloth: str


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person on the street.

    Attributes:
        x: World position.
        z: World position along the street.
        height: Body height in metres.
        heading: 0 walks away from the camera, pi towards it.
        phase: Phase of the gait (or of the pedals) in radians.
        stride: Swing of the legs in radians; 0 when standing.
        coat: Length of the upper garment below the waist in metres.
        burden: Luggage: nothing, a backpack, or a bag.
        clothes: Albedo by name of clothing.
        insulation: Share of body heat that the upper clothes keep inside, 0 to 1.
        riding: True if the figure sits on a bicycle.
        seed: Seed of the folds.
    """

    x: float
    z: float
    height: float
    heading: float
    phase: float
    stride: float
    coat: float
    burden: str
    clothes: dict[str, Colour]
    insulation: float
    seed: int
    riding: bool = False

    @property
    def wear(self) -> Wear:
        """The cut and the warmth of the clothes."""
        return wear(self.seed, self.insulation, self.clothes["skin"])

    def limbs(self) -> list[Limb]:
        """Return the figure around its own origin, x to the right, z forward."""
        size = self.height / 1.72
        limbs: list[Limb] = []
        cut = self.wear
        lean = 0.35 if self.riding else 0.03 + 0.05 * self.stride
        for side, shift in ((-1.0, 0.0), (1.0, np.pi)):
            limbs += self._leg(side, shift, cut) + self._arm(side, shift, lean, cut)
        top, hip = np.array([0, 1.43, 0.53 * lean]), np.array([0, 0.93, 0.0])
        across = np.array([0.12, 0, 0])
        for side in (-1, 1):
            limbs.append(
                Limb(top + side * across, hip + side * across * 0.55, (0.085, 0.105), "top")
            )
        limbs.append(Limb(top - (0, 0.05, 0), hip, (0.125, 0.115), "top"))
        if self.coat > 0:
            hem = hip - (0, self.coat, 0)
            limbs.append(
                Limb(hip + np.array([0, 0.1, 0]), hem, (0.15, 0.15 + 0.12 * self.coat), "top")
            )
        head = np.array([0, 1.615, 0.53 * lean + 0.04])
        limbs.append(Limb(top, head - (0, 0.04, 0.02), (0.055, 0.05), "skin"))
        limbs.append(
            Limb(
                head + np.array([0, 0.03, 0.012]), head - (0, 0.035, -0.015), (0.083, 0.07), "face"
            )
        )
        crown, nape = head + np.array([0, 0.045, -0.035]), head - (0, 0.02, 0.045)
        limbs.append(Limb(crown, nape, (0.098, 0.08), "hat" if cut.hat else "hair"))
        limbs += self._burden(top) + self._front(cut, top, hip, head)
        lift = np.array([0, 0.1 if self.riding else 0.0, -0.15 if self.riding else 0.0])
        return [
            Limb((a + lift) * size, (b + lift) * size, (r[0] * size, r[1] * size), n)
            for a, b, r, n in limbs
        ]

    def _front(self, cut: Wear, top: Vector, hip: Vector, head: Vector) -> list[Limb]:
        """Return the parts visible only from the front: glasses, and the front of an open coat."""
        limbs = []
        if cut.open_front and np.cos(self.heading) < -0.4:
            hem = hip + np.array([0, -0.8 * self.coat, 0.14])
            limbs.append(Limb(top + np.array([0, -0.05, 0.13]), hem, (0.05, 0.04), "shirt"))
        if cut.glasses:
            left, right = (head + np.array([x, 0.02, 0.09]) for x in (-0.05, 0.05))
            limbs.append(Limb(left, right, (0.019, 0.019), "glasses"))
        return limbs

    def _leg(self, side: float, shift: float, cut: Wear) -> list[Limb]:
        swing = self.stride * np.sin(self.phase + shift)
        bend = self.stride * (0.35 + 1.1 * max(np.cos(self.phase + shift), 0.0))
        if self.riding:
            swing = 0.95 + 0.45 * np.sin(self.phase + shift)
            bend = 1.25 + 0.45 * np.sin(self.phase + shift)
        hip = np.array([0.085 * side, 0.92, 0.0])
        knee = hip + 0.43 * np.array([0, -np.cos(swing), np.sin(swing)])
        ankle = knee + 0.42 * np.array([0, -np.cos(swing - bend), np.sin(swing - bend)])
        tip = 0.5 * (swing - bend)
        toe = ankle + 0.19 * np.array([0.15 * side, -0.18 + np.sin(tip) * 0.5, np.cos(tip)])
        return [
            Limb(hip, knee, (0.088, 0.064), "legs"),
            Limb(knee, ankle, (0.062, 0.046), "legs" if cut.trousers else "limb"),
            Limb(ankle - (0, 0.02, 0.02), toe, (0.05, 0.036), "shoes"),
        ]

    def _arm(self, side: float, shift: float, lean: float, cut: Wear) -> list[Limb]:
        swing = -0.75 * self.stride * np.sin(self.phase + shift) + 0.05
        bend = 0.25 + 0.5 * self.stride
        if self.riding:
            swing, bend = 1.0, 0.35
        shoulder = np.array([0.185 * side, 1.41, 0.53 * lean])
        elbow = shoulder + 0.29 * np.array([0.16 * side, -np.cos(swing), np.sin(swing)])
        wrist = elbow + 0.25 * np.array([-0.05 * side, -np.cos(swing + bend), np.sin(swing + bend)])
        hand = wrist + 0.08 * np.array([0, -np.cos(swing + bend), np.sin(swing + bend)])
        return [
            Limb(shoulder, elbow, (0.062, 0.05), "top"),
            Limb(elbow, wrist, (0.048, 0.036), "top" if cut.sleeves else "limb"),
            Limb(wrist, hand, (0.034, 0.028), "hands"),
        ]

    def _burden(self, top: NDArray[np.float64]) -> list[Limb]:
        if self.burden == "backpack":
            back = np.array([0, 0, -0.2])
            return [Limb(top + back - (0, 0.08, 0), top + back - (0, 0.38, 0), (0.12, 0.14), "bag")]
        if self.burden == "bag":
            at = np.array([0.3, 0.72, 0.02])
            return [Limb(at, at - (0, 0.16, 0), (0.09, 0.11), "bag")]
        return []

    def turned(self) -> list[Limb]:
        """Return the limbs rotated to the heading, in world axes around the figure's position."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        return [Limb(a @ turn, b @ turn, r, n) for a, b, r, n in self.limbs()]

    def materials(self, weather: Weather) -> dict[str, Material]:
        """Return the materials of the figure's parts."""
        cut = self.wear
        albedo = self.clothes | cut.colours
        return {
            name: Material(
                albedo=albedo[name], warmth=weather.skin() * share, emissivity=0.98, gloss=0.02,
                heating=0.1 if name in BARE else 0.2,
            )
            for name, share in cut.shares.items()
        }  # fmt: skip

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw the figure, its far limbs first."""
        camera = canvas.camera
        depth = camera.depth(self.x, self.z)
        if depth < 0.8:
            return
        at = np.array([self.x, 0.0, self.z])
        limbs = sorted(
            self.turned(),
            key=lambda limb: -(limb.start[2] + limb.end[2]) - 1e-3 * (limb.cloth == "top"),
        )
        if not self.riding:
            contact_shadow(canvas, (self.x, self.z), (0.34, 0.3), 0.55)
        flat = np.array(
            [1.0, 1.0, 0.0]
        )  # one depth for all limbs: a person is thin compared with the distance
        scale = camera.scale(depth)
        ends = [camera.project(np.stack([limb.start, limb.end]) * flat + at) for limb in limbs]
        grain = self._folds(canvas, limbs, ends, scale)
        if grain is None:
            return
        # Blood evens out the warmth of bare skin.
        even = grain._replace(heat=None if grain.heat is None else np.float32(0.3) * grain.heat)
        materials = self.materials(weather)
        for limb, where in zip(limbs, ends, strict=True):
            fields = materials[limb.cloth].fields(depth, openness=0.92)
            radii = (limb.radii[0] * scale, limb.radii[1] * scale)
            rough = even if limb.cloth in BARE else grain
            canvas.capsule(where, radii, fields, c.PERSON, rough)

    def _folds(
        self, canvas: Canvas, limbs: list[Limb], ends: list[Points], scale: float
    ) -> Grain | None:
        """Return the visible folds, and the warmth that shows through the clothes."""
        box = enclosing(np.concatenate(ends), canvas.camera.frame, 0.35 * scale + 3)
        if box is None:
            return None
        foot = canvas.camera.project([(self.x, 0.0, self.z)])[0]
        # Limbs begin where cloth is close to the body: armpits, hips, neck, knees.
        close = [e[0] for limb, e in zip(limbs, ends, strict=True) if limb.cloth in ("top", "legs")]
        light = patch(self.seed, box, foot, max(0.013 * scale, 0.05), slope=1.1)
        return Grain(box, light, body_heat(self.seed, box, foot, scale, np.array(close)))

    def shadows(self, weather: Weather) -> list[NDArray[np.float64]]:
        """Return the outlines of the shadow on the ground."""
        shift = weather.shift()
        shapes = []
        for limb in self.turned():
            a, b = (p[[0, 2]] + (self.x, self.z) + shift * p[1] for p in (limb.start, limb.end))
            along = (b - a) / (np.hypot(*(b - a)) + 1e-6)
            side = np.array([-along[1], along[0]])
            r0, r1 = limb.radii
            flat = [
                a + side * r0,
                a - side * r0 - along * r0,
                b - side * r1,
                b + side * r1 + along * r1,
            ]
            shapes.append(np.array([[p[0], 0.0, p[1]] for p in flat]))
        return shapes


def random_person(
    rng: np.random.Generator, x: float, z: float, weather: Weather, *, heading: float | None = None
) -> Person:
    """Draw a random passer-by for a position."""
    cold = {"summer": 0.1, "autumn": 0.5, "winter": 0.85}[weather.season]
    walking = rng.random() < 0.75
    random_heading = float(rng.choice([0, np.pi, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.35))
    return Person(
        x=x,
        z=z,
        height=float(np.clip(rng.normal(1.7, 0.09), 1.35, 1.95)),
        heading=random_heading if heading is None else heading,
        phase=float(rng.uniform(0, 2 * np.pi)),
        stride=float(rng.uniform(0.3, 0.55)) if walking else float(rng.uniform(0, 0.08)),
        coat=float(rng.choice([0, 0.12, 0.3, 0.5])) * (0.4 + 0.6 * cold),
        burden=str(rng.choice(["", "", "backpack", "bag"])),
        clothes=random_clothes(rng),
        insulation=float(np.clip(rng.normal(cold, 0.15), 0, 1)),
        seed=int(rng.integers(1 << 20)),
    )
