"""Marks that are not writing: barcodes and stamps, in pixels of the raster they are found on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from pipeline.imaging.orientation import lean
from pipeline.model import Box, Zone, ZoneKind
from pipeline.raster import Pixels, outlines

_FORMATS = (
    zxingcpp.BarcodeFormat.QRCode
    | zxingcpp.BarcodeFormat.DataMatrix
    | zxingcpp.BarcodeFormat.Code128
)

_TILTED = 2.0  # degrees
_AROUND = 40  # pixels of a page at about 100 dpi (10 mm) around what is dense enough for a code


def dense_places(mask: Pixels) -> list[Box]:
    """Where on the ink mask of a page at about 100 dpi a barcode may be, with room around it: some
    6 mm square is as densely inked and as mixed as a code is and running text is not. Looking for
    codes everywhere costs too much."""
    dense = cv2.inRange(cv2.blur(mask, (24, 24)), 84, 200)
    if not cv2.countNonZero(dense):
        return []
    # Pieces of one code belong together, and a code needs white around it.
    near = cv2.dilate(dense, np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8))
    return [_bounds(outline) for outline in outlines(np.asarray(near, np.uint8))]


def barcodes(grey: Pixels) -> tuple[Zone, ...]:
    """QR codes, Data Matrix and Code 128 on a (height, width) grey page, with what they say."""
    found = zxingcpp.read_barcodes(
        grey, formats=_FORMATS, try_invert=False, text_mode=zxingcpp.TextMode.Plain
    )
    return tuple(
        Zone(kind=ZoneKind.BARCODE, box=_box(code.position), payload=code.text)
        for code in found
        if code.valid
    )


def _bounds(outline: npt.NDArray[np.int32]) -> Box:
    x, y, width, height = cv2.boundingRect(outline)
    return Box(x=x, y=y, width=width, height=height)


def _box(position: zxingcpp.Position) -> Box:
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    x = min(corner.x for corner in corners)
    y = min(corner.y for corner in corners)
    return Box(
        x=x,
        y=y,
        width=max(corner.x for corner in corners) - x,
        height=max(corner.y for corner in corners) - y,
    )


@dataclass(frozen=True)
class Frame:
    """An outline the size of a stamp: its hull (n, 1, 2), whether it is round, and by how many
    degrees its sides are off the page's (0 to 45)."""

    hull: npt.NDArray[np.int32]
    round: bool
    tilt: float

    @property
    def box(self) -> Box:
        return _bounds(self.hull)


def stamps(colours: Pixels | None, mask: Pixels) -> tuple[Zone, ...]:
    """Stamps on a straight page at about 100 dpi: round or tilted frames and tilted blocks of
    small print in any ink (forms and print lie straight), any frame and block in coloured ink.

    `mask` is the ink, `colours` the same page in RGB where it has colour. Coloured handwriting
    has neither a frame nor small even letters and is left out.
    """
    found = [frame.box for frame in frames(mask) if frame.round or frame.tilt > _TILTED]
    found += [block.box for block in _small_print(mask) if abs(block.tilt) > _TILTED]
    if colours is not None:
        coloured = _coloured_ink(colours)
        found += [frame.box for frame in frames(coloured)]
        found += [block.box for block in _small_print(coloured)]
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: -box.area):
        if all(box.intersection(other) < 0.5 * box.area for other in kept):
            kept.append(box)
    return tuple(Zone(kind=ZoneKind.STAMP, box=box, confidence=0.8) for box in kept)


def frames(ink: Pixels) -> list[Frame]:
    """Marks of 12 to 80 mm, at about 100 dpi, with ink all around their outline."""
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found: list[Frame] = []
    for contour in contours:
        _, _, width, height = cv2.boundingRect(contour)
        if min(width, height) < 36 or not 47 <= max(width, height) <= 315:
            continue
        hull = np.asarray(cv2.convexHull(contour), np.int32)
        area = cv2.contourArea(hull)
        # how much of the way around runs on the hull itself
        distances = [
            cv2.pointPolygonTest(hull, (float(point[0]), float(point[1])), True)
            for point in contour.reshape(-1, 2)[:: max(len(contour) // 120, 1)]
        ]
        if float(np.mean(np.array(distances) < 3.0)) < 0.8:
            continue
        _, sides, angle = cv2.minAreaRect(hull)
        is_round = (
            abs(area / (np.pi / 4 * width * height) - 1.0) < 0.08 and 0.6 < width / height < 1.7
        )
        if is_round or area > 0.88 * sides[0] * sides[1]:
            found.append(Frame(hull=hull, round=is_round, tilt=abs((angle + 45) % 90 - 45)))
    return found


@dataclass(frozen=True)
class _Block:
    box: Box
    tilt: float


def _small_print(ink: Pixels) -> list[_Block]:
    """Blocks of three to eight lines of small, even letters, apart from everything else."""
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((9, 19), np.uint8))
    blocks: list[_Block] = []
    for outline in outlines(np.asarray(joined, np.uint8)):
        x, y, width, height = cv2.boundingRect(outline)
        if not (79 <= width <= 355 and 45 <= height <= 180):
            continue
        _, labels = cv2.connectedComponents(joined[y : y + height, x : x + width])
        column, row = outline[0, 0].tolist()
        here = (labels == labels[row - y, column - x]).astype(np.uint8)
        block = np.asarray(ink[y : y + height, x : x + width] * here, np.uint8)
        _, _, parts, _ = cv2.connectedComponentsWithStats(block)
        tall = parts[1:, cv2.CC_STAT_HEIGHT]
        letters = tall[(tall >= 3) & (tall <= 20)]
        if len(letters) < 20 or np.median(letters) > 11:
            continue
        if float(np.median(np.abs(letters - np.median(letters)))) > 2.5:
            continue
        way = lean(block)
        if not way.quarter and way.margin >= 1.5:
            blocks.append(_Block(Box(x=x, y=y, width=width, height=height), way.angle))
    return blocks


def _coloured_ink(colours: Pixels) -> Pixels:
    """255 where the ink has a colour of its own once the light's colour is taken off."""
    paper = np.percentile(colours.reshape(-1, 3)[::7], 80, axis=0)
    # Light at the paper's tone is full; colour by colour, many times faster than pixel by pixel.
    planes = [
        cv2.convertScaleAbs(plane, alpha=255.0 / max(float(tone), 1.0))
        for plane, tone in zip(cv2.split(colours), paper, strict=True)
    ]
    strongest = cv2.max(cv2.max(planes[0], planes[1]), planes[2])
    weakest = cv2.min(cv2.min(planes[0], planes[1]), planes[2])
    chroma = cv2.subtract(strongest, weakest)
    ink = cv2.threshold(chroma, 0.18 * 255, 255, cv2.THRESH_BINARY)[1]
    return np.asarray(cv2.medianBlur(ink, 3), np.uint8)
