"""A decoded page becomes upright, straight, flat and evenly lit, ready to be read.

Everything is decided on a copy of about 100 dpi; the full page is touched only where that copy
says it must be, and then once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.config import Settings
from pipeline.errors import NotADocument
from pipeline.imaging import content, ink, marks, orientation, quality
from pipeline.imaging.decoding import A4_LONG_SIDE
from pipeline.imaging.fingerprint import fingerprint
from pipeline.imaging.outline import Outline, outline
from pipeline.model import Box, Legibility, Quality, Step, Zone
from pipeline.raster import SMALL_SIDE, Pixels, Prepared, Raster, Transform, reduced

STEP = Step(name="imaging", version="1")

_STROKE_REACH = 40  # pixels of that copy (1 cm): ink thinner than this is not paper
_BARCODE_SIDE = 1750  # pixels: small codes need 150 dpi
_STRAIGHT = 0.2  # degrees: engines read a lean below this as well as none
_PLAIN_AXIS = 6.0  # margin of `Lean` above which no rule has decided which way the text runs
_EVEN = 1.12  # ratio of the lightest paper to the darkest that needs no evening
_LIGHT = 190.0  # tone of paper that needs no evening
_MARGIN = 0.006  # kept around a sheet found in a photograph, as a share of its sides
_RIM = 0.012  # of such a sheet, that may show what lies beside it

# Resolutions handed on: engines gain nothing above, and miss small print below.
_FINEST_DPI, _FINE_DPI = 350.0, 300.0
_COARSEST_DPI, _COARSE_DPI = 150.0, 200.0

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Sheet:
    """What the reduced copy says: the turns that make the page upright and straight, and its
    reduced pixels, paper and ink as they are then."""

    outline: Outline | None
    rotation: int
    rotation_sure: bool
    angle: float
    cut: bool
    page: Pixels
    tone: Pixels
    mask: Pixels


def prepare(raster: Raster, settings: Settings) -> Prepared:
    """The page ready to be read, and the way back to the pixels of `raster`.

    Raises `NotADocument` for a picture that shows no sheet of paper.
    """
    cv2.setNumThreads(1)
    grey = _grey(raster.pixels)
    small = raster.small if raster.pixels.ndim == 2 else reduced(grey, SMALL_SIDE)
    sheet = _analyse(small)
    upright, back, dpi, native = _rectified(grey, raster.dpi, small.shape[1] / grey.shape[1], sheet)
    writing = ink.without_rules(sheet.mask)
    blank = content.is_blank(upright, dpi, sheet.page, writing)
    verdict = Quality(legibility=Legibility.GOOD)
    if not blank:
        paper = float(np.median(sheet.tone))
        verdict = quality.assess(
            upright, dpi, sheet.mask, scanned_dpi=native, paper=paper, cut=sheet.cut
        )
    return Prepared(
        grey=_evened(upright, sheet.tone),
        transform=Transform(back),
        size=raster.size,
        dpi=dpi,
        rotation=sheet.rotation,
        blank=blank,
        quality=verdict,
        fingerprint=fingerprint(writing),
        zones=_zones(raster, grey, sheet.mask, back @ _scaling(upright, sheet.mask)),
        steps=(STEP.model_copy(update={"settings": settings.fingerprint}),),
        rotation_sure=sheet.rotation_sure or blank,
    )


# --- deciding, on the reduced copy ----------------------------------------------------------


def _analyse(small: Pixels) -> _Sheet:
    """Raises `NotADocument`."""
    found = outline(small)
    tone, dark, mask = _layers(small)
    cut = (found is None or found.cut) and quality.touches_border(mask)
    if found is not None:
        small, _ = _flattened(small, found)
        tone, dark, mask = _layers(small)
        _clear_rim(mask, 0)
    lean = _lean(_lines_only(mask))
    if not content.is_document(dark, tone, mask, lean.margin):
        raise NotADocument
    rotation = 90 if lean.quarter else 0
    layers = [_turned(layer, rotation)[0] for layer in (small, tone, mask)]
    if abs(lean.angle) > _STRAIGHT:
        grounds = (float(np.median(tone)), float(np.median(tone)), 0.0)
        layers = [
            _straightened(layer, lean.angle, paper=ground)[0]
            for layer, ground in zip(layers, grounds, strict=True)
        ]
    upright = orientation.uprightness(layers[2])
    # scans come upright far more often than upside down; of two quarter turns neither is likelier
    if upright < (0.0 if lean.quarter else -orientation.UNDECIDED):
        rotation += 180
        layers = [_turned(layer, 180)[0] for layer in layers]
    page, tone, mask = layers
    return _Sheet(
        outline=found,
        rotation=rotation,
        rotation_sure=abs(upright) > orientation.UNDECIDED,
        angle=lean.angle,
        cut=cut,
        page=page,
        tone=tone,
        mask=mask,
    )


def _layers(page: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Paper, darkness and ink of a reduced page."""
    tone = ink.paper(page, _STROKE_REACH)
    dark = ink.darkness(page, tone)
    return tone, dark, ink.mask(dark)


def _lean(lines: Pixels) -> orientation.Lean:
    """Which way text runs. Rules tell its lean best, but of its axis nothing: where that is not
    plain, the lines are asked without them."""
    lean = orientation.lean(lines)
    if lean.margin < _PLAIN_AXIS:
        alone = orientation.lean(ink.without_lone_rules(lines))
        if alone.quarter != lean.quarter:
            return alone
    return lean


def _lines_only(mask: Pixels) -> Pixels:
    """The mask without what may lean otherwise than the lines: stamps, and the outer twelfth with
    its punch holes and scanner edges."""
    lines = mask.copy()
    for frame in marks.frames(mask):
        cv2.fillConvexPoly(lines, frame.hull, 0)
    rows, columns = (side // 12 for side in mask.shape)
    return np.ascontiguousarray(lines[rows:-rows, columns:-columns])


# --- doing, on the full page ----------------------------------------------------------------


def _rectified(
    grey: Pixels, dpi: float, reduction: float, sheet: _Sheet
) -> tuple[Pixels, Matrix, float, float]:
    """The full page flat, upright, straight and at a fit resolution; the way back; its dpi now
    and as it was scanned."""
    back = np.eye(3)
    page = grey
    if sheet.outline is not None:
        full = Outline(corners=sheet.outline.corners / reduction, cut=sheet.outline.cut)
        page, back = _flattened(grey, full)
        _clear_rim(page, int(np.median(sheet.tone)))
        dpi = max(page.shape) / A4_LONG_SIDE
    page, step = _turned(page, sheet.rotation)
    back = back @ step
    if abs(sheet.angle) > _STRAIGHT:
        page, step = _straightened(page, sheet.angle, paper=float(np.median(sheet.tone)))
        back = back @ step
    target = dpi
    if dpi > _FINEST_DPI:
        target = _FINE_DPI
    elif dpi < _COARSEST_DPI:
        target = _COARSE_DPI
    if target != dpi:
        size = tuple(round(side * target / dpi) for side in page.shape[::-1])
        how = cv2.INTER_AREA if target < dpi else cv2.INTER_CUBIC
        scaled = np.asarray(cv2.resize(page, size, interpolation=how), np.uint8)
        back = back @ _scaling(page, scaled)
        page = scaled
    return page, back, target, dpi


def _clear_rim(page: Pixels, tone: int) -> None:
    """Paint over, in place, what may lie beside the sheet."""
    rows, columns = (round(_RIM * side) for side in page.shape)
    page[:rows] = page[page.shape[0] - rows :] = tone
    page[:, :columns] = page[:, page.shape[1] - columns :] = tone


def _flattened(grey: Pixels, found: Outline) -> tuple[Pixels, Matrix]:
    """The sheet seen from straight above, a little of its surroundings kept so that no writing
    at its edge is lost; and the way back."""
    corners = found.corners
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    width, height = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    long, short = max(width, height), min(width, height)
    if not found.cut and abs(long / short / np.sqrt(2) - 1) < 0.1:  # an A sheet foreshortened
        short = long / np.sqrt(2)
        width, height = (short, long) if height > width else (long, short)
    left, top = _MARGIN * width, _MARGIN * height
    flat = np.array(
        [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]
    )
    back = cv2.getPerspectiveTransform(flat.astype(np.float32), corners.astype(np.float32))
    size = (round(width + 2 * left), round(height + 2 * top))
    page = cv2.warpPerspective(
        grey,
        back,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(page, np.uint8), np.asarray(back, np.float64)


def _turned(grey: Pixels, rotation: int) -> tuple[Pixels, Matrix]:
    """`grey` turned clockwise by `rotation` degrees, and the way back."""
    height, width = grey.shape
    if rotation == 90:
        back = np.array([[0, 1, 0], [-1, 0, height], [0, 0, 1]], np.float64)
        return np.asarray(cv2.rotate(grey, cv2.ROTATE_90_CLOCKWISE), np.uint8), back
    if rotation == 180:
        back = np.array([[-1, 0, width], [0, -1, height], [0, 0, 1]], np.float64)
        return np.asarray(cv2.rotate(grey, cv2.ROTATE_180), np.uint8), back
    if rotation == 270:
        back = np.array([[0, -1, width], [1, 0, 0], [0, 0, 1]], np.float64)
        return np.asarray(cv2.rotate(grey, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8), back
    return grey, np.eye(3)


def _straightened(grey: Pixels, angle: float, *, paper: float) -> tuple[Pixels, Matrix]:
    """`grey` turned so that lines falling by `angle` degrees become level, on a sheet of tone
    `paper` large enough to hold all of it; and the way back."""
    height, width = grey.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = (round(width * cos + height * sin), round(width * sin + height * cos))
    turn[:, 2] += ((size[0] - width) / 2, (size[1] - height) / 2)
    straight = cv2.warpAffine(
        grey, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=paper
    )
    return np.asarray(straight, np.uint8), np.linalg.inv(np.vstack([turn, [0, 0, 1]]))


def _evened(page: Pixels, tone: Pixels) -> Pixels:
    """`page` divided by the tone of its paper, unless that is light and even already."""
    dark, middle, light = np.percentile(tone[::8, ::8], (2, 50, 98))
    if middle >= _LIGHT and light <= _EVEN * max(float(dark), 1.0):
        return page
    height, width = page.shape
    full = cv2.resize(tone, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(page, full, scale=250), np.uint8)


# --- helpers --------------------------------------------------------------------------------


def _grey(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _scaling(large: Pixels, small: Pixels) -> Matrix:
    """From pixels of `small` to those of `large`, the same picture."""
    return np.diag([large.shape[1] / small.shape[1], large.shape[0] / small.shape[0], 1.0])


def _zones(
    raster: Raster, grey: Pixels, mask: Pixels, mask_to_original: Matrix
) -> tuple[Zone, ...]:
    """Barcodes and stamps in pixels of the original."""
    found = _barcodes(grey, [Transform(mask_to_original).box(p) for p in marks.dense_places(mask)])
    colours = None
    if raster.pixels.ndim == 3:
        small = raster.small
        if _has_colour(small):
            to_small = np.linalg.inv(_scaling(raster.pixels, small)) @ mask_to_original
            size = (mask.shape[1], mask.shape[0])
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            warped = cv2.warpPerspective(
                small, to_small, size, flags=how, borderMode=cv2.BORDER_REPLICATE
            )
            colours = np.asarray(warped, np.uint8)
    back = Transform(mask_to_original)
    for zone in marks.stamps(colours, mask):
        found.append(zone.model_copy(update={"box": back.box(zone.box)}))
    return tuple(found)


def _barcodes(grey: Pixels, places: Sequence[Box]) -> list[Zone]:
    """Barcodes of a page, looked for in some places of it."""
    found: list[Zone] = []
    if not places:
        return found
    readable = reduced(grey, _BARCODE_SIDE)
    back = Transform(_scaling(grey, readable))
    across, down = readable.shape[1] / grey.shape[1], readable.shape[0] / grey.shape[0]
    for place in places:
        left, top = max(int(place.x * across), 0), max(int(place.y * down), 0)
        part = readable[top : round(place.bottom * down), left : round(place.right * across)]
        for zone in marks.barcodes(np.ascontiguousarray(part)):
            here = zone.box.model_copy(update={"x": zone.box.x + left, "y": zone.box.y + top})
            box = back.box(here)
            if not any(other.box.intersection(box) > 0.5 * box.area for other in found):
                found.append(zone.model_copy(update={"box": box}))
    return found


def _has_colour(pixels: Pixels) -> bool:
    sample = pixels[::4, ::4].astype(np.int16)
    return bool((sample.max(axis=2) - sample.min(axis=2)).max() > 24)
