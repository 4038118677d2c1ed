"""The sheet in a photograph: its four corners, found by its straight edges.

Edges survive the hard shadow that would cut a bright region in two. Writing is first closed over,
so that lines on the sheet do not pass for its sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.raster import Pixels

Points = npt.NDArray[np.float64]

_SIDE = 600  # pixels of the copy that is searched
_SAME_TONE = 0.08  # a frame this near the middle's tone is the sheet itself: a scan
_LINES = 9  # candidates for each pair of opposite sides
_SMALLEST = 0.2  # share of the photograph
_SIDE_SUPPORT = 0.5  # share of each side that must lie on an edge with lighter paper inside
_MEAN_SUPPORT = 0.65
_FRAME_SUPPORT = 0.55  # what a side that runs along the photograph's border is taken for


@dataclass(frozen=True)
class Outline:
    """`corners`: (4, 2) x, y from the top left clockwise, in pixels of the page searched.
    `cut`: a side of the sheet lies beyond the photograph."""

    corners: Points
    cut: bool


def outline(grey: Pixels) -> Outline | None:
    """The sheet on a (height, width) photograph; None for a scan, or where no sheet stands out."""
    height, width = grey.shape
    scale = min(_SIDE / max(height, width), 1.0)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    closed = np.asarray(
        cv2.morphologyEx(cv2.medianBlur(small, 3), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)),
        np.uint8,
    )
    if _fills_frame(closed):
        return None
    edges = np.asarray(cv2.Canny(cv2.GaussianBlur(closed, (0, 0), 1.5), 12, 36), np.uint8)
    across, down = _lines(edges)
    best: tuple[float, Points, bool] | None = None
    near = np.asarray(cv2.dilate(edges, np.ones((5, 5), np.uint8)) > 0, np.bool_)
    for top, bottom in combinations(across, 2):
        for left, right in combinations(down, 2):
            sides = (top, right, bottom, left)
            borders = [side.border for side in sides]
            if sum(borders) > 2:
                continue
            corners = _corners(top, bottom, left, right)
            if corners is None or not _is_sheet(corners, size):
                continue
            supports = _supports(corners, borders, near, closed)
            if supports.min() < _SIDE_SUPPORT or supports.mean() < _MEAN_SUPPORT:
                continue
            area = cv2.contourArea(corners.astype(np.float32)) / (size[0] * size[1])
            score = float(supports.mean()) + 0.3 * area
            if best is None or score > best[0]:
                best = (score, corners, any(borders))
    if best is None:
        return None
    return Outline(corners=best[1] / scale, cut=best[2])


def _fills_frame(tone: Pixels) -> bool:
    """Whether the border of the picture has the tone of its middle, as in a scan."""
    height, width = tone.shape
    middle = float(np.median(tone[height // 4 : -height // 4, width // 4 : -width // 4]))
    rim = max(min(height, width) // 50, 2)
    rims = (tone[:rim], tone[-rim:], tone[:, :rim], tone[:, -rim:])
    return all(abs(float(np.median(side)) - middle) <= _SAME_TONE * middle for side in rims)


@dataclass(frozen=True)
class _Line:
    """The points where x·cos + y·sin = rho; `border` for an edge of the photograph."""

    cos: float
    sin: float
    rho: float
    border: bool


def _lines(edges: Pixels) -> tuple[list[_Line], list[_Line]]:
    """Candidates for the sides that run across and for those that run down, strongest first."""
    height, width = edges.shape
    found = cv2.HoughLines(edges, 1, np.pi / 360, threshold=min(height, width) // 6)
    across = [_Line(0.0, 1.0, 2.0, True), _Line(0.0, 1.0, height - 3.0, True)]
    down = [_Line(1.0, 0.0, 2.0, True), _Line(1.0, 0.0, width - 3.0, True)]
    for rho, theta in [] if found is None else found.reshape(-1, found.shape[-1])[:400, :2]:
        line = _Line(float(np.cos(theta)), float(np.sin(theta)), float(rho), False)
        if line.cos < 0:  # one sign for one line
            line = _Line(-line.cos, -line.sin, -line.rho, False)
        steep = abs(line.cos) > abs(line.sin)
        if not steep and line.sin < 0:
            line = _Line(-line.cos, -line.sin, -line.rho, False)
        group = down if steep else across
        if len(group) < _LINES + 2 and not any(_alike(line, other) for other in group[2:]):
            group.append(line)
    return across, down


def _alike(line: _Line, other: _Line) -> bool:
    turn = abs(line.cos * other.sin - line.sin * other.cos)
    return abs(line.rho - other.rho) < 8 and turn < 0.05


def _corners(top: _Line, bottom: _Line, left: _Line, right: _Line) -> Points | None:
    points = [
        _crossing(row, column)
        for row, column in ((top, left), (top, right), (bottom, right), (bottom, left))
    ]
    if any(point is None for point in points):
        return None
    corners = np.array(points, np.float64)
    # lines come in any order: sort the corners clockwise from the top left
    middle = corners.mean(axis=0)
    around = np.argsort(np.arctan2(corners[:, 1] - middle[1], corners[:, 0] - middle[0]))
    corners = corners[around]
    return np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0)


def _crossing(one: _Line, other: _Line) -> tuple[float, float] | None:
    det = one.cos * other.sin - one.sin * other.cos
    if abs(det) < 0.3:
        return None
    return (
        (one.rho * other.sin - other.rho * one.sin) / det,
        (one.cos * other.rho - other.cos * one.rho) / det,
    )


def _is_sheet(corners: Points, size: tuple[int, int]) -> bool:
    """Convex, near a rectangle, inside the picture and large enough."""
    width, height = size
    slack = 0.03 * max(size)
    if corners.min() < -slack or corners[:, 0].max() > width + slack:
        return False
    if corners[:, 1].max() > height + slack:
        return False
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if lengths.min() < 0.25 * min(size):
        return False
    ahead = np.roll(sides, -1, axis=0)
    cosines = (sides * ahead).sum(axis=1) / (lengths * np.roll(lengths, -1))
    if np.abs(cosines).max() > 0.42:  # corners between 65° and 115°
        return False
    return cv2.contourArea(corners.astype(np.float32)) >= _SMALLEST * width * height


def _supports(
    corners: Points, borders: list[bool], near: npt.NDArray[np.bool_], tone: Pixels
) -> npt.NDArray[np.float64]:
    """For each side, the share that lies on an edge with lighter paper inside than outside."""
    height, width = tone.shape
    along = np.linspace(0.04, 0.96, 48)[:, None]
    middle = corners.mean(axis=0)
    supports = np.empty(4)
    for i in range(4):
        start, end = corners[i], corners[(i + 1) % 4]
        if _on_border(start, end, width, height):
            supports[i] = _FRAME_SUPPORT
            continue
        points = start + along * (end - start)
        normal = np.array([end[1] - start[1], start[0] - end[0]])
        normal /= max(float(np.hypot(*normal)), 1e-9)
        if float(normal @ (middle - start)) < 0:
            normal = -normal
        at, inside, outside = (
            np.clip(np.rint(points + shift * normal), 0, (width - 1, height - 1)).astype(np.int64)
            for shift in (0, 6, -6)
        )
        lighter = tone[inside[:, 1], inside[:, 0]].astype(np.int16) - 6 > tone[
            outside[:, 1], outside[:, 0]
        ].astype(np.int16)
        supports[i] = float((near[at[:, 1], at[:, 0]] & lighter).mean())
    return supports


def _on_border(start: Points, end: Points, width: int, height: int) -> bool:
    for axis, length in ((0, width), (1, height)):
        ends = (float(start[axis]), float(end[axis]))
        if max(ends) <= 4 or min(ends) >= length - 5:
            return True
    return False
