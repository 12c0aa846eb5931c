"""Losses of training in float64, written out from their formulas, one pixel at a time.

Pictures are arrays `(h, w)`; batches of one channel are lists of them.
"""

import math

import numpy as np

from reference.edge_metrics import at, everywhere
from reference.similarity import pearson

SOBEL_X = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
SOBEL_Y = ((-1, -2, -1), (0, 0, 0), (1, 2, 1))
LAPLACE = ((0, 1, 0), (1, -4, 1), (0, 1, 0))
GXX = (
    (-1, 0, 2, 0, -1),
    (-4, 0, 8, 0, -4),
    (-6, 0, 12, 0, -6),
    (-4, 0, 8, 0, -4),
    (-1, 0, 2, 0, -1),
)
GXY = (
    (-1, -2, 0, 2, 1),
    (-2, -4, 0, 4, 2),
    (0, 0, 0, 0, 0),
    (2, 4, 0, -4, -2),
    (1, 2, 0, -2, -1),
)
GYY = tuple(zip(*GXX, strict=True))


def correlated(picture, kernel, border):
    """Return the sum of the kernel's weights times what lies under them, at every pixel."""
    down, across = len(kernel) // 2, len(kernel[0]) // 2
    result = np.zeros(picture.shape)
    for y, x in everywhere(picture):
        for i, row in enumerate(kernel):
            for j, weight in enumerate(row):
                result[y, x] += weight * at(picture, y + i - down, x + j - across, border)
    return result


def bell(size, sigma):
    """Return a table of Gaussian weights whose sum is 1."""
    middle = size // 2
    table = [
        [math.exp(-((i - middle) ** 2 + (j - middle) ** 2) / (2 * sigma**2)) for j in range(size)]
        for i in range(size)
    ]
    total = math.fsum(map(math.fsum, table))
    return [[w / total for w in row] for row in table]


def gradients(picture, operator):
    """Return the maps that a convention compares."""
    if operator in ("sobel", "sobel-apart"):
        x, y = (abs(correlated(picture, k, "zero")) for k in (SOBEL_X, SOBEL_Y))
        return [x + y] if operator == "sobel" else [x, y]
    if operator == "laplacian":
        return [abs(correlated(picture, LAPLACE, "zero"))]
    if operator == "spatial":
        return [np.hstack([correlated(picture, k, "repeated") / 8 for k in (SOBEL_X, SOBEL_Y)])]
    tables = ((GXX, 64), (GXY, 36), (GYY, 64))
    return [sum(abs(correlated(picture, k, "repeated") / norm) for k, norm in tables)]


def maximum_gradient(f, a, b, operator):
    maps = (gradients(x, operator) for x in (f, a, b))
    return sum(np.mean(abs(p - np.maximum(q, r))) for p, q, r in zip(*maps, strict=True))


def gradient_error(f, a, operator):
    maps = (gradients(x, operator) for x in (f, a))
    return sum(np.mean(abs(p - q)) for p, q in zip(*maps, strict=True))


def window_error(f, s):
    """Return per pixel the mean squared difference in the 9x9 window, zeros outside."""
    difference = (f - s) ** 2
    return correlated(difference, np.full((9, 9), 1 / 81), "zero")


def ssim_map(a, b, border="reflected"):
    w = bell(11, 1.5)
    m, n = (correlated(x, w, border) for x in (a, b))
    s, t, c = (
        correlated(x * y, w, border) - p * q
        for x, y, p, q in ((a, a, m, m), (b, b, n, n), (a, b, m, n))
    )
    c1, c2 = 0.0001, 0.0009
    return (2 * m * n + c1) * (2 * c + c2) / ((m * m + n * n + c1) * (s + t + c2))


def coefficient(a, b):
    return pearson(list(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)))


def correlation_over_channels(a, b):
    pairs = [(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)]
    return sum(coefficient(x, y) for x, y in pairs) / len(pairs)


def gram(features):
    """Return the Gram matrix of `(c, h, w)`."""
    c = len(features)
    return np.array(
        [[(p * q).sum() / (c * p.size) for q in features] for p in features], np.float64
    )


def contrast(picture, measure, border="reflected"):
    w = bell(9, 1.5)
    mean = correlated(picture, w, border)
    if measure == "deviation":
        return (picture - mean) ** 2
    return correlated(picture * picture, w, border) - mean**2


def softmax(scores):
    exponents = [math.exp(s) for s in scores]
    return [e / sum(exponents) for e in exponents]


def pixels(logits, labels, ignore=255):
    """Yield the logits and the label of each pixel that counts."""
    for scores, true in zip(logits, labels, strict=True):
        for y, x in everywhere(true):
            if true[y, x] != ignore:
                yield [float(s) for s in scores[:, y, x]], int(true[y, x])


def cross_entropy(logits, labels, weights=None):
    total = norm = 0.0
    for scores, true in pixels(logits, labels):
        weight = 1.0 if weights is None else weights[true]
        total -= weight * math.log(softmax(scores)[true])
        norm += weight
    return total / norm


def hard_examples(logits, labels, threshold, least):
    """Return OHEM in the words of the codes: all above the limit if the least-th still is."""
    losses = sorted((-math.log(softmax(s)[t]) for s, t in pixels(logits, labels)), reverse=True)
    limit = -math.log(threshold)
    if losses[min(least, len(losses) - 1)] > limit:
        kept = [loss for loss in losses if loss > limit]
    else:
        kept = losses[:least]
    return sum(kept) / len(kept)


def dice(logits, labels, classes, smoothing):
    both, sizes = [0.0] * classes, [0.0] * classes
    for scores, true in pixels(logits, labels):
        shares = softmax(scores)
        both[true] += shares[true]
        for k in range(classes):
            sizes[k] += shares[k] + (k == true)
    terms = [(2 * b + smoothing) / (s + smoothing) for b, s in zip(both, sizes, strict=True)]
    return 1 - sum(terms) / classes


def per_channel(logits, mask, weights):
    """Return the mean of the binary cross-entropies of both channels, each with its sigmoid."""
    terms = []
    for scores, inside in zip(logits, mask, strict=True):
        for y, x in everywhere(inside):
            for k in (0, 1):
                p = 1 / (1 + math.exp(-scores[k, y, x]))
                is_k = bool(inside[y, x]) == bool(k)
                terms.append(-weights[k] * math.log(p) if is_k else -math.log(1 - p))
    return sum(terms) / len(terms)


def jaccard_loss(wrong, true):
    """Return 1 - IoU of a class when the pixels in the set `wrong` are the wrong ones."""
    predicted = {i for i in range(len(true)) if bool(true[i]) != (i in wrong)}
    actual = {i for i in range(len(true)) if true[i]}
    union = predicted | actual
    return 1 - len(predicted & actual) / len(union) if union else 0.0


def lovasz(probabilities, labels, choice="present"):
    """Return the Lovasz extension, from the set function itself; inputs `(k, n)` and `(n,)`."""
    terms = []
    for k, given in enumerate(probabilities):
        true = [int(label) == k for label in labels]
        if choice == "present" and not any(true):
            continue
        errors = [1 - p if t else p for p, t in zip(given, true, strict=True)]
        order = sorted(range(len(errors)), key=lambda i: -errors[i])
        steps = [jaccard_loss(set(order[:n]), true) for n in range(len(order) + 1)]
        terms.append(sum(errors[i] * (steps[n + 1] - steps[n]) for n, i in enumerate(order)))
    return sum(terms) / len(terms)
