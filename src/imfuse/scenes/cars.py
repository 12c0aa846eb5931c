"""Cars: lofted bodies of a few kinds, with panes, lamps, plates and wheels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.bodies import HALF_WIDTH, STATIONS, Station
from imfuse.scenes.canvas import Canvas, Material
from imfuse.scenes.light import Lamp, contact_shadow
from imfuse.scenes.mesh import Face, draw_faces
from imfuse.scenes.weather import Weather

Colour = tuple[float, float, float]


def _inset(corners: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Shrink a face towards its middle."""
    middle = corners.mean(0)
    shrunk: NDArray[np.float64] = middle + share * (corners - middle)
    return shrunk


@dataclass(frozen=True, kw_only=True)
class Car:
    """A car on the street.

    Attributes:
        x: World position of its middle.
        z: World position along the street.
        heading: 0 drives away from the camera, pi towards it.
        body: A key of the body table.
        paint: Albedo.
        driven: Warmth of engine, tyres and exhaust, from 0 (parked for long) to 1 (hot).
        lights: True if head and tail lamps are on.
        braking: True if the brake lamps are on.
    """

    x: float
    z: float
    heading: float
    body: str
    paint: Colour
    driven: float
    lights: bool
    braking: bool = False

    def _place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        placed: NDArray[np.float64] = points @ turn + (self.x, 0, self.z)
        return placed

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw the space below the car, then the body."""
        if canvas.camera.depth(self.x, self.z) < 3.2:
            return
        cos, sin = abs(np.cos(self.heading)), abs(np.sin(self.heading))
        contact_shadow(
            canvas, (self.x, self.z), (0.95 * cos + 2.25 * sin, 2.25 * cos + 0.95 * sin), 0.88
        )
        faces = [*self._hull(), *self._details(weather)]
        placed = [Face(self._place(f.corners), f.material, f.layer, f.smooth) for f in faces]
        draw_faces(canvas, placed, c.CAR)

    def _ring(self, station: Station) -> NDArray[np.float64]:
        z, low, belt, top, half_top = station
        ends = STATIONS[self.body]
        inset = 0.1 * float(np.clip((abs(z) - 0.8 * ends[-1][0]) / (0.2 * ends[-1][0]), 0, 1)) ** 2
        w = HALF_WIDTH[self.body] - inset
        side = [
            (w * 0.92, low),
            (w, 0.45 * low + 0.55 * belt),
            (w * 0.965, belt),
            (min(half_top, w * 0.93), top - 0.035),
            (half_top * 0.55, top),
        ]
        ring = [(-x, y) for x, y in side] + [(x, y) for x, y in reversed(side)]
        return np.array([(x, y, z) for x, y in ring])

    def _hull(self) -> list[Face]:
        stations = STATIONS[self.body]
        rings = [self._ring(s) for s in stations]
        faces = []
        for i in range(len(rings) - 1):
            cabin = (
                max(stations[i][3] - stations[i][2], stations[i + 1][3] - stations[i + 1][2]) > 0.25
            )
            slope = abs(stations[i][3] - stations[i + 1][3]) > 0.2
            bonnet = 0.5 * (stations[i][0] + stations[i + 1][0]) > 0.95
            for k in range(9):
                quad = np.array(
                    [rings[i][k], rings[i + 1][k], rings[i + 1][k + 1], rings[i][k + 1]]
                )
                faces.append(Face(quad, self._paint(bonnet, lower=k in (0, 8)), 0, smooth=True))
                if cabin and k in (2, 6):
                    faces.append(Face(_inset(quad, 0.84), self._glass(), 1, smooth=False))
            if cabin and slope:
                pane = np.concatenate([rings[i][3:7], rings[i + 1][3:7][::-1]])
                faces.append(Face(_inset(pane, 0.88), self._glass(), 1, smooth=False))
        faces.append(Face(rings[0], self._paint(bonnet=False), 0, smooth=True))
        faces.append(Face(rings[-1], self._paint(bonnet=True), 0, smooth=True))
        return faces

    def _paint(self, bonnet: bool, lower: bool = False) -> Material:  # noqa: FBT001, FBT002
        warmth = -0.8 + (9.0 * self.driven if bonnet else 1.5 * self.driven)
        if lower:
            warmth += 2.5 * self.driven
        return Material(albedo=self.paint, warmth=warmth, emissivity=0.88, gloss=0.32, heating=0.9)

    def _glass(self) -> Material:
        return Material(
            albedo=(0.018, 0.02, 0.021),
            warmth=-1.5 + 1.5 * self.driven,
            emissivity=0.84,
            gloss=0.26,
            heating=0.3,
        )

    def _details(self, weather: Weather) -> list[Face]:
        faces = [*self._end(front=True, weather=weather), *self._end(front=False, weather=weather)]
        stations = STATIONS[self.body]
        for side in (-1.0, 1.0):
            for along in (0.63 * stations[0][0], 0.63 * stations[-1][0]):
                faces += self._wheel(side, along)
            faces += self._seams(side)
            faces += self._mirror(side)
        return faces

    def _mirror(self, side: float) -> list[Face]:
        """Return the outside mirror of one side, as seen from the front and from behind."""
        x0, x1 = sorted(side * (HALF_WIDTH[self.body] + d) for d in (-0.04, 0.15))
        y, paint = STATIONS[self.body][-3][2] + 0.02, self._paint(bonnet=False)
        boards = []
        for z in (0.62, 0.78):
            corners = [(x0, y, z), (x1, y, z), (x1, y + 0.12, z), (x0, y + 0.12, z)]
            boards.append(Face(np.array(corners), paint, 2, smooth=False))
        return boards

    def _seams(self, side: float) -> list[Face]:
        """Return pillars and door gaps of one side."""
        w = side * (HALF_WIDTH[self.body] + 0.005)
        station = STATIONS[self.body][4 if self.body != "van" else 3]
        dark = Material(albedo=(0.015, 0.015, 0.016), warmth=-0.5, heating=0.5)
        body = self._paint(bonnet=False)
        top = side * station[4]
        sill = [(w, 0.2, -1.2), (w, 0.2, 1.2), (w, 0.3, 1.2), (w, 0.3, -1.2)]
        faces = [Face(np.array(sill), dark, 1, smooth=False)]
        for along in (-0.28, 0.62):
            strip = [
                (w, 0.34, along),
                (w, 0.34, along + 0.018),
                (w, 0.9, along + 0.018),
                (w, 0.9, along),
            ]
            faces.append(Face(np.array(strip), dark, 1, smooth=False))
        pillar = [
            (w * 0.97, station[2], -0.33),
            (w * 0.97, station[2], -0.2),
            (top, station[3] - 0.05, -0.25),
            (top, station[3] - 0.05, -0.36),
        ]
        faces.append(Face(np.array(pillar), body, 1, smooth=False))
        handle = [(w, 0.8, -0.22), (w, 0.8, -0.06), (w, 0.83, -0.06), (w, 0.83, -0.22)]
        faces.append(Face(np.array(handle), dark, 1, smooth=False))
        return faces

    def _wheel(self, side: float, along: float) -> list[Face]:
        radius = 0.33 if self.body in ("sedan", "hatch") else 0.37
        w = side * (HALF_WIDTH[self.body] - 0.05)
        arch = Material(albedo=(0.01, 0.01, 0.01), warmth=1 + 3 * self.driven, heating=0.1)
        tyre = Material(albedo=(0.022, 0.022, 0.022), warmth=-0.5 + 5 * self.driven, heating=0.6)
        rim = Material(
            albedo=(0.3, 0.3, 0.31), warmth=6 * self.driven, emissivity=0.6, gloss=0.35, heating=0.4
        )
        hub = Material(albedo=(0.05, 0.05, 0.05), warmth=9 * self.driven, heating=0.3)
        end, inner = along + np.sign(along) * 0.93 * radius, w - side * 0.2
        tread = [(w, 0, end), (inner, 0, end), (inner, 0.5, end), (w, 0.5, end)]
        faces = [Face(np.array(tread), tyre, -1, smooth=False)]
        for r, y, material in (
            (radius + 0.06, radius + 0.02, arch),
            (radius, radius, tyre),
            (radius * 0.66, radius, rim),
            (radius * 0.28, radius, hub),
        ):
            angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
            disc = np.stack([0 * angle + w, y + r * np.sin(angle), along + r * np.cos(angle)], 1)
            faces.append(Face(disc, material, 1, smooth=False))
        return faces

    def _end(self, *, front: bool, weather: Weather) -> list[Face]:
        """Return lamps, plate, grille and bumper of one end."""
        stations = STATIONS[self.body]
        tip, next_in = (stations[-1], stations[-2]) if front else (stations[0], stations[1])
        sign = 1.0 if front else -1.0
        z = tip[0] + sign * 0.02
        inner = next_in[0] + sign * 0.03
        w = HALF_WIDTH[self.body]
        top = tip[2] + 0.04
        faces = []

        def board(
            x0: float, x1: float, y0: float, y1: float, material: Material, at: float
        ) -> None:
            corners = np.array([(x0, y0, at), (x1, y0, at), (x1, y1, at), (x0, y1, at)])
            faces.append(Face(corners, material, 2, smooth=False))

        dark = Material(
            albedo=(0.012, 0.012, 0.013), warmth=10 * self.driven if front else 0.5, heating=0.4
        )
        if not front and tip[3] - tip[2] > 0.4:
            board(-w * 0.72, w * 0.72, tip[2] + 0.12, tip[3] - 0.16, self._glass(), z)
        board(-w * 0.8, w * 0.8, tip[1] - 0.06, tip[1] + 0.05, dark, z)
        if front:
            board(-w * 0.48, w * 0.48, tip[1] + 0.1, top - 0.08, dark, z)
        plate = Material(albedo=(0.6, 0.6, 0.56), warmth=-0.5, emissivity=0.9)
        height = tip[1] + (0.08 if front else 0.26)
        board(-0.24, 0.24, height, height + 0.12, plate, z + sign * 0.01)
        lamp = self._lamp(front=front, night=weather.night)
        for side in (-1.0, 1.0):
            x0, x1 = sorted((side * w * 0.55, side * w * 0.86))
            at = z if front else inner
            board(x0 - 0.02, x1 + 0.02, top - 0.16, top + 0.04, dark, at - sign * 0.005)
            board(x0, x1, top - 0.13, top + 0.02, lamp, at)
        if not front and self.driven > 0.4:
            hot = Material(albedo=(0.03, 0.03, 0.03), warmth=38 * self.driven)
            board(w * 0.5, w * 0.62, tip[1] - 0.1, tip[1] - 0.02, hot, z + sign * 0.01)
        return faces

    def _lamp(self, *, front: bool, night: bool) -> Material:
        if front:
            power = (320.0 if night else 2.2) if self.lights else 0.0
            return Material(
                albedo=(0.55, 0.55, 0.56),
                warmth=3.0 + 6 * self.driven,
                gloss=0.6,
                emissivity=0.85,
                glow=(power, power * 0.95, power * 0.82),
            )
        power = ((5.0 if self.braking else 1.1) if night else 0.8 * self.braking) * self.lights
        return Material(
            albedo=(0.26, 0.012, 0.01),
            warmth=0.5 + self.driven,
            gloss=0.4,
            glow=(power, power * 0.05, power * 0.03),
        )

    def lamps(self) -> list[Lamp]:
        """Return the light that the head lamps and tail lamps throw on the street."""
        if not self.lights:
            return []
        nose, tail = STATIONS[self.body][-1][0], STATIONS[self.body][0][0]
        ends = self._place(np.array([(0.0, 0.65, nose), (0.0, 0.65, tail)]))
        ahead = self._place(np.array([(0.0, 0.0, 1.0)]))[0] - (self.x, 0, self.z)
        aim = (float(ahead[0]), -0.06, float(ahead[2]))
        front = Lamp(place=tuple(ends[0]), colour=(22.0, 21.0, 18.5), aim=aim, spread=0.3)
        rear = Lamp(place=tuple(ends[1]), colour=(0.12, 0.01, 0.008))
        return [front, rear]

    def shadows(self, weather: Weather) -> list[NDArray[np.float64]]:
        """Return the outline of the shadow on the ground."""
        points = np.concatenate([self._place(self._ring(s)) for s in STATIONS[self.body]])
        shift = weather.shift()
        flat = points[:, [0, 2]] + points[:, 1:2] * shift
        hull = cv2.convexHull(flat.astype(np.float32)).reshape(-1, 2)
        return [np.stack([hull[:, 0], 0 * hull[:, 0], hull[:, 1]], 1).astype(np.float64)]
