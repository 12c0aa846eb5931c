"""Sharpness and edge metrics in float64, one pixel at a time."""

import math


def at(picture, y, x, border):
    """Return a value that may lie one pixel outside."""
    height, width = picture.shape
    if 0 <= y < height and 0 <= x < width:
        return float(picture[y, x])
    if border == "zero":
        return 0.0
    if border == "repeated":
        return float(picture[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])
    y, x = (abs(i) if i < n else 2 * (n - 1) - i for i, n in ((y, height), (x, width)))
    return float(picture[y, x])


def sobel(picture, y, x, border):
    """Return the derivatives to the right and upwards."""
    right = up = 0.0
    for k, weight in ((-1, 1), (0, 2), (1, 1)):
        right += weight * (at(picture, y + k, x + 1, border) - at(picture, y + k, x - 1, border))
        up += weight * (at(picture, y - 1, x + k, border) - at(picture, y + 1, x + k, border))
    return right, up


def everywhere(picture):
    return [(y, x) for y in range(picture.shape[0]) for x in range(picture.shape[1])]


def spatial_frequency(f, over):
    rows = [(f[y, x] - f[y, x - 1]) ** 2 for y, x in everywhere(f) if x]
    columns = [(f[y, x] - f[y - 1, x]) ** 2 for y, x in everywhere(f) if y]
    if over == "pixels":
        return math.sqrt((sum(rows) + sum(columns)) / f.size)
    return math.sqrt(sum(rows) / len(rows) + sum(columns) / len(columns))


def slope(line, i):
    """Return the derivative: central inside, one-sided at the ends."""
    before, after = max(i - 1, 0), min(i + 1, len(line) - 1)
    return (line[after] - line[before]) / (after - before)


def average_gradient(f, kind="central", half=True, over="intervals"):
    height, width = f.shape
    total = 0.0
    for y, x in everywhere(f):
        if kind == "central":
            gx, gy = slope(f[y], x), slope(f[:, x], y)
        elif y + 1 < height and x + 1 < width:
            gx, gy = f[y, x + 1] - f[y, x], f[y + 1, x] - f[y, x]
        else:
            continue
        total += math.sqrt((gx * gx + gy * gy) / (2 if half else 1))
    return total / (f.size if over == "pixels" else (height - 1) * (width - 1))


def edge_intensity(f, border):
    return sum(math.hypot(*sobel(f, y, x, border)) for y, x in everywhere(f)) / f.size


def strength_and_angle(picture, y, x, border):
    right, up = sobel(picture, y, x, border)
    return math.sqrt(right * right + up * up), math.atan(up / right) if right else math.pi / 2


def sigmoid(x, top, slope, centre):
    return top / (1 + math.exp(-slope * (x - centre)))


def edge_transfer(fused, ir, vis, border, equal="one", lines=False, white=255.0):
    kept = total = 0.0
    for y, x in everywhere(fused):
        gf, af = strength_and_angle(fused, y, x, border)
        for source in (ir, vis):
            gs, a = strength_and_angle(source, y, x, border)
            if not gs:
                continue
            if gs == gf:
                ratio = 1.0 if equal == "one" else gf * white / 255
            else:
                ratio = min(gs, gf) / max(gs, gf)
            apart = abs(a - af)
            if lines:
                apart = min(apart, math.pi - apart)
            likeness = 1 - apart / (math.pi / 2)
            kept += gs * sigmoid(ratio, 0.9994, 15, 0.5) * sigmoid(likeness, 0.9879, 22, 0.8)
            total += gs
    return kept / total


def balance(fused, ir, vis, least=0.001):
    """Return kept, lost, made up, and made up as printed in 2005."""
    sums = [0.0, 0.0, 0.0, 0.0]
    total = 0.0
    for y, x in everywhere(fused):
        gf, af = strength_and_angle(fused, y, x, "reflected")
        gf /= 8
        q, w, g = [], [], []
        for source in (ir, vis):
            gs, a = strength_and_angle(source, y, x, "reflected")
            gs /= 8
            ratio = min(gs, gf) / max(gs, gf) if gs and gf else 0.0
            likeness = abs(abs(a - af) - math.pi / 2) * 2 / math.pi
            strength = sigmoid(ratio, 0.9999, 19, 0.5)
            q.append(math.sqrt(strength * sigmoid(likeness, 0.9995, 22, 0.5)))
            w.append(gs**1.5 if gs >= 2 else least)
            g.append(gs)
        missing = (1 - q[0]) * w[0] + (1 - q[1]) * w[1]
        total += sum(w)
        sums[0] += q[0] * w[0] + q[1] * w[1]
        if gf > max(g):
            sums[2] += missing
            sums[3] += (2 - sum(q)) * sum(w)
        else:
            sums[1] += missing
    return [s / total for s in sums]
