"""Marks that are not writing: barcodes and stamps, in pixels of the raster they are found on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from pipeline.imaging.orientation import lean
from pipeline.model import Box, Zone, ZoneKind
from pipeline.raster import Pixels

_FORMATS = (
    zxingcpp.BarcodeFormat.QRCode
    | zxingcpp.BarcodeFormat.DataMatrix
    | zxingcpp.BarcodeFormat.Code128
)

_TILTED = 2.0  # degrees


def may_hold_barcode(mask: Pixels) -> bool:
    """Whether some 6 mm square of the ink mask of a page at about 100 dpi is as densely inked
    and as mixed as a code is and running text is not: looking for codes costs too much."""
    density = cv2.blur(mask, (24, 24))
    return bool((cv2.inRange(density, 84, 200) > 0).any())


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
        x, y, width, height = cv2.boundingRect(self.hull)
        return Box(x=x, y=y, width=width, height=height)


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
    count, labels, found, _ = cv2.connectedComponentsWithStats(joined)
    blocks: list[_Block] = []
    for number in range(1, count):
        x, y, width, height, _ = (int(value) for value in found[number])
        if not (79 <= width <= 355 and 45 <= height <= 180):
            continue
        here = (labels[y : y + height, x : x + width] == number).astype(np.uint8)
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
