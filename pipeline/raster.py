"""Pixels between decoding and reading: frozen, in memory only, never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.model import Box, Quality, Size, Step, Zone

Pixels = npt.NDArray[np.uint8]

SMALL_SIDE = 1170
"""Pixels of the longer side of a page of which one wants the gist: an A4 sheet at 100 dpi."""


@dataclass(frozen=True)
class Raster:
    """A page as decoded, as a viewer shows it (EXIF orientation applied).

    `pixels` is (height, width) grey or (height, width, 3) RGB, uint8. `dpi` is dots per inch,
    from the file or estimated from the paper's size.
    """

    pixels: Pixels
    dpi: float

    @property
    def size(self) -> Size:
        return Size(width=self.pixels.shape[1], height=self.pixels.shape[0])

    @cached_property
    def small(self) -> Pixels:
        """`pixels` reduced to about `SMALL_SIDE`, made once."""
        return reduced(self.pixels, SMALL_SIDE)


@dataclass(frozen=True)
class Transform:
    """Homography from prepared pixels to original pixels: a (3, 3) float64 array."""

    matrix: npt.NDArray[np.float64]

    def points(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Map (n, 2) points of the prepared page to (n, 2) points of the original."""
        lifted = np.column_stack([points, np.ones(len(points))]) @ self.matrix.T
        mapped: npt.NDArray[np.float64] = lifted[:, :2] / lifted[:, 2:]
        return mapped

    def box(self, box: Box) -> Box:
        """The upright original box around a prepared box."""
        return self.boxes((box,))[0]

    def boxes(self, boxes: Sequence[Box]) -> tuple[Box, ...]:
        """The upright original boxes around prepared boxes, all in one step."""
        if not boxes:
            return ()
        edges = np.array([(box.x, box.y, box.right, box.bottom) for box in boxes])
        mapped = self.points(edges[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)).reshape(-1, 4, 2)
        starts, ends = mapped.min(axis=1).tolist(), mapped.max(axis=1).tolist()
        return tuple(
            Box(x=x, y=y, width=right - x, height=bottom - y)
            for (x, y), (right, bottom) in zip(starts, ends, strict=True)
        )


@dataclass(frozen=True)
class Prepared:
    """An upright, straight, evenly lit page ready to be read.

    `grey` is (height, width) uint8, dark ink on light paper, at `dpi`; `transform` leads back to
    the original raster of `size`. `zones` (barcodes, stamps) are in original pixels. Where
    `rotation_sure` is false the page may be upside down: read it both ways.
    """

    grey: Pixels
    transform: Transform
    size: Size
    dpi: float
    rotation: int
    blank: bool
    quality: Quality
    fingerprint: str
    zones: tuple[Zone, ...] = ()
    steps: tuple[Step, ...] = ()
    rotation_sure: bool = True


def reduced(pixels: Pixels, side: int) -> Pixels:
    """`pixels` with the longer side near `side`: averaged over whole blocks, which is many times
    quicker than any other factor, then to within a tenth."""
    height, width = pixels.shape[:2]
    blocks = int(max(height, width) / (0.85 * side))
    if blocks > 1:
        pixels = pixels[: height // blocks * blocks, : width // blocks * blocks]
        size = (width // blocks, height // blocks)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale < 0.9:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def outlines(mask: Pixels) -> list[npt.NDArray[np.int32]]:
    """The outer outline (n, 1, 2) of each connected part of a mask, those in holes of others too,
    from the top down. Where parts are few, ten times as quick as their labels and statistics.
    """
    found, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not found:
        return []
    # A part has no parent; what has one is the edge of a hole.
    return [
        np.asarray(outline, np.int32)
        for outline, links in zip(found[::-1], tree[0][::-1].tolist(), strict=True)
        if links[3] < 0
    ]
