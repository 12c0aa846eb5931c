"""Patches on a grid and their contrast, by the plainest loops."""

import math


def candidate_corners(height, width, size, stride):
    """Every corner on the grid whose patch lies inside, row by row."""
    found = []
    row = 0
    while row + size <= height:
        column = 0
        while column + size <= width:
            found.append((row, column))
            column += stride
        row += stride
    return found


def percentile(values, share):
    """Linear interpolation between the two nearest ranks."""
    ordered = sorted(float(value) for value in values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def ninety_over_ten(values):
    """(P90 - P10) / P90, and 0 where P90 is 0."""
    high, low = percentile(values, 0.9), percentile(values, 0.1)
    return (high - low) / high if high else 0.0
