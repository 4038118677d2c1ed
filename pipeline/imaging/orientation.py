"""Which way text runs on a page and by how much it leans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.raster import Pixels

_MOST_POINTS = 20_000
_LEAN_LIMIT = 12.0  # degrees
_COARSE_STEP = 0.5
_FINE_STEP = 0.05
# In pixels of a page reduced to about 100 dpi: bands and their distance such that lines of text
# show and single strokes, which line up down the page in slanted hands, do not.
_BAND = 4
_BANDS_APART = 2


@dataclass(frozen=True)
class Lean:
    """Which way lines of text run.

    `quarter`: down the page. `angle`: their lean in degrees, positive where they fall towards the
    right (for `quarter`, after a quarter turn counter-clockwise). `margin`: how many times better
    this axis explains the page than the other; 1 is a toss-up.
    """

    quarter: bool
    angle: float
    margin: float


def lean(ink: Pixels) -> Lean:
    """Direction and lean of the text lines in an ink mask (height, width), 255 for ink.

    The mask is of a whole page at about 100 dpi.
    """
    rows, columns = np.nonzero(ink)
    if len(rows) < 50:
        return Lean(quarter=False, angle=0.0, margin=1.0)
    step = max(len(rows) // _MOST_POINTS, 1)
    y = rows[::step].astype(np.float32)
    x = columns[::step].astype(np.float32)
    coarse = np.arange(-_LEAN_LIMIT, _LEAN_LIMIT + _COARSE_STEP / 2, _COARSE_STEP)
    flat = _contrast(x, y, coarse, _BAND, _BANDS_APART)
    steep = _contrast(y, -x, coarse, _BAND, _BANDS_APART)
    quarter = bool(steep.max() > flat.max())
    best, other = (steep, flat) if quarter else (flat, steep)
    along, across = (y, -x) if quarter else (x, y)
    middle = float(coarse[int(best.argmax())])
    fine = middle + np.arange(-_COARSE_STEP, _COARSE_STEP + _FINE_STEP / 2, _FINE_STEP)
    angle = float(fine[int(_contrast(along, across, fine, 1, 1).argmax())])
    return Lean(quarter=quarter, angle=angle, margin=float(best.max() / max(other.max(), 1.0)))


def _contrast(
    along: npt.NDArray[np.float32],
    across: npt.NDArray[np.float32],
    degrees: npt.NDArray[np.float64],
    band: int,
    apart: int,
) -> npt.NDArray[np.float64]:
    """For each lean, how strongly the projection profile changes from band to band."""
    found = np.empty(len(degrees))
    for i, degree in enumerate(degrees):
        level = across - np.float32(np.tan(np.radians(degree))) * along
        profile = np.bincount(((level - level.min()) / band).astype(np.int32)).astype(np.float64)
        found[i] = np.square(profile[apart:] - profile[:-apart]).sum()
    return found
