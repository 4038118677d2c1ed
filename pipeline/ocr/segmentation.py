"""Lines of a handwritten zone: found by PP-OCR's text detector, cut out and straightened.

The detector marks the body of every line by a narrow band, also where lines slant or touch.
Each stroke goes to the band it touches; one that reaches into several bands is shared out by
nearness. A line image then holds that line's strokes only, the rest being paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.ocr import networks
from pipeline.ocr.engine import LineImage
from pipeline.raster import Pixels

DETECTOR_DPI = 88
"""Resolution the detector looks at: an A4 page is about 1030 pixels high. More costs time and
finds no more lines."""
WORKING_DPI = 200
"""Resolution line images are cut at; the recogniser sees them 48 pixels high."""

_BAND = 0.3  # probability above which a pixel belongs to a line's body
_FAINT = 18  # grey levels below the paper around that are a stroke at all
_SURE = 0.6  # mean probability of a band that is kept

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]
Column = npt.NDArray[np.float64]
Place = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Band:
    """The body of a line: its middle `centre` at columns `start` … and its mean `thickness`."""

    start: int
    centre: Column
    thickness: float

    @property
    def stop(self) -> int:
        return self.start + len(self.centre)


def text_lines(grey: Pixels, dpi: float) -> tuple[LineImage, ...]:
    """Line images of a zone (height, width) uint8 at `dpi`, from top to bottom.

    Raises `SetupError` when the detector's weights are missing.
    """
    scale = min(1.0, WORKING_DPI / dpi)
    working = grey if scale == 1 else _resized(grey, scale)
    labels, bands = _bands(_text_probability(working, min(1.0, DETECTOR_DPI / (dpi * scale))))
    if not bands:
        return ()
    ink = _ink(working, labels)
    owner = _owners(ink, labels, bands)
    paper = _paper(working)
    found = (
        _line_image(working, paper, ink, owner, number, band)
        for number, band in enumerate(bands, start=1)
    )
    return tuple(
        LineImage(line.grey, line.top / scale, line.bottom / scale)
        for line in found
        if line is not None
    )


def _resized(grey: Pixels, scale: float) -> Pixels:
    return np.asarray(
        cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def _text_probability(grey: Pixels, scale: float) -> npt.NDArray[np.float32]:
    """Probability, for each pixel of `grey`, of lying in the body of a text line."""
    height, width = grey.shape
    size = tuple(max(round(side * scale / 32), 2) * 32 for side in (width, height))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 127.5 - 1
    network = networks.session(networks.packaged("models/*det*.onnx"))
    values = np.repeat(small[None, None], 3, axis=1)
    found = network.run(None, {network.get_inputs()[0].name: values})[0][0, 0]
    return np.asarray(
        cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )


def _bands(probability: npt.NDArray[np.float32]) -> tuple[Labels, tuple[_Band, ...]]:
    """Line bodies numbered from 1 in a label image, from top to bottom; 0 is no body."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        (probability > _BAND).astype(np.uint8), connectivity=8
    )
    kept = {}
    for piece in range(1, count):
        x, y, width, height, area = stats[piece]
        part = np.s_[y : y + height, x : x + width]
        inside = pieces[part] == piece
        if area >= 60 and probability[part][inside].mean() >= _SURE:
            rows, columns = np.nonzero(inside)
            kept[piece] = _band(rows, columns, x, y)
    found = []
    for members in _joined(kept):
        band = kept[members[0]]
        if len(members) > 1:
            rows, columns = np.nonzero(np.isin(pieces, members))
            band = _band(rows, columns)
        found.append((members, band))
    found.sort(key=lambda entry: float(np.median(entry[1].centre)))
    numbers = np.zeros(count, np.int32)
    for number, (members, _) in enumerate(found, start=1):
        numbers[list(members)] = number
    return numbers[pieces], tuple(band for _, band in found)


def _joined(bands: Mapping[int, _Band]) -> list[tuple[int, ...]]:
    """Pieces that follow one another on a line, at most about two heights of writing apart."""
    groups: list[list[int]] = []
    for piece in sorted(bands, key=lambda piece: bands[piece].start):
        band = bands[piece]
        for group in groups:
            last = max((bands[member] for member in group), key=lambda one: one.stop)
            thickness = max(last.thickness, band.thickness)
            gap = band.start - last.stop
            step = band.centre[0] - last.centre[-1]
            alike = thickness < 2 * min(last.thickness, band.thickness)
            if alike and -thickness < gap < 5 * thickness and abs(step) < 0.6 * thickness:
                group.append(piece)
                break
        else:
            groups.append([piece])
    return [tuple(group) for group in groups]


def _band(rows: Place, columns: Place, x: int = 0, y: int = 0) -> _Band:
    """The smoothed middle of a body given by its pixels, counted from (x, y)."""
    left = int(np.min(columns))
    filled = np.bincount(columns - left)
    there = np.flatnonzero(filled)
    centre = np.bincount(columns - left, weights=rows)[there] / filled[there] + y
    every = np.arange(len(filled))
    # A straight line, bent only where the band is long enough to show a bend.
    degree = min(3, len(every) // 250 + 1) if len(every) > 60 else 0
    if degree:
        smooth = np.polynomial.Polynomial.fit(there, centre, degree)(every)
    else:
        smooth = np.full(len(every), centre.mean())
    return _Band(x + left, np.asarray(smooth, np.float64), float(filled[there].mean()))


def _ink(grey: Pixels, labels: Labels) -> Mask:
    """Strokes darker than the paper around them, and not much paler than the writing: ruled and
    squared paper mostly is."""
    around = cv2.blur(grey, (41, 41)).astype(np.int16)
    darkness = around - grey.astype(np.int16)
    body = darkness[(labels > 0) & (darkness > _FAINT)]
    pen = float(np.percentile(body, 75)) if body.size else 0.0
    return np.asarray(darkness > max(_FAINT, 0.3 * pen), np.bool_)


def _without_rules(ink: Mask) -> Mask:
    """Strokes without the ruled or squared lines that would link all words of a page."""
    values = ink.astype(np.uint8)
    across = cv2.morphologyEx(values, cv2.MORPH_OPEN, np.ones((1, 60), np.uint8))
    down = cv2.morphologyEx(values, cv2.MORPH_OPEN, np.ones((90, 1), np.uint8))
    rules = cv2.dilate(cv2.bitwise_or(across, down), np.ones((3, 3), np.uint8))
    return np.asarray(ink & (rules == 0), np.bool_)


def _owners(ink: Mask, labels: Labels, bands: tuple[_Band, ...]) -> Labels:
    """For every stroke pixel the number of the line it belongs to, 0 for none."""
    nearest = _nearest(labels)
    count, strokes, _, centres = cv2.connectedComponentsWithStats(
        _without_rules(ink).astype(np.uint8), connectivity=8
    )
    touched: list[set[int]] = [set() for _ in range(count)]
    both = (strokes > 0) & (labels > 0)
    for stroke, number in np.unique(np.column_stack([strokes[both], labels[both]]), axis=0):
        touched[stroke].add(int(number))
    owner = np.zeros(count, np.int32)
    shared = np.zeros(count, np.bool_)
    for stroke in range(1, count):
        if len(touched[stroke]) == 1:
            owner[stroke] = next(iter(touched[stroke]))
        elif touched[stroke]:
            shared[stroke] = True
        else:
            x, y = centres[stroke]
            number = int(nearest[int(y), int(x)])
            if number and _near(bands[number - 1], x, y):
                owner[stroke] = number
    owners = owner[strokes]
    split = shared[strokes]
    owners[split] = nearest[split]
    return np.asarray(owners, np.int32)


def _near(band: _Band, x: float, y: float) -> bool:
    """Whether a loose stroke (a dot, an accent, a comma) may belong to the band."""
    reach = 2.2 * band.thickness
    beside = max(band.start - x, x - band.stop, 0)
    column = int(min(max(x - band.start, 0), len(band.centre) - 1))
    return beside < 1.5 * reach and abs(y - band.centre[column]) < reach


def _nearest(labels: Labels) -> Labels:
    """The number of the nearest body, for each pixel."""
    _, cells = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(int(cells.max()) + 1, np.int32)
    body = labels > 0
    lookup[cells[body]] = labels[body]
    return np.asarray(lookup[cells], np.int32)


def _paper(grey: Pixels) -> int:
    return int(np.percentile(grey, 80))


def _line_image(
    grey: Pixels, paper: int, ink: Mask, owner: Labels, number: int, band: _Band
) -> LineImage | None:
    """The strokes of one line, straightened along the band's middle; None when there are none."""
    ys, xs = np.nonzero(owner == number)
    if len(xs) < 30:
        return None
    margin = round(band.thickness * 0.3)
    left = max(int(np.percentile(xs, 0.1)) - margin, 0)
    right = min(int(np.percentile(xs, 99.9)) + margin + 1, grey.shape[1])
    columns = np.arange(left, right)
    centre = _extended(band, columns)
    offsets = ys - _extended(band, xs)
    above = min(float(np.percentile(offsets, 0.5)), -band.thickness) - 2
    below = max(float(np.percentile(offsets, 99.5)), band.thickness) + 2
    height = round(below - above)
    map_y = (centre + above)[None, :] + np.arange(height)[:, None]
    map_x = np.broadcast_to(columns.astype(np.float32), map_y.shape)
    foreign = ((owner != number) & (owner > 0)).astype(np.uint8)
    foreign = cv2.dilate(foreign, np.ones((5, 5), np.uint8))
    foreign[owner == number] = 0
    masked = np.where(foreign > 0, paper, grey).astype(np.uint8)
    cut = cv2.remap(
        masked,
        map_x.astype(np.float32),
        map_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(paper),
    )
    return LineImage(
        np.asarray(cut, np.uint8),
        np.column_stack([columns, centre + above]).astype(np.float64),
        np.column_stack([columns, centre + below]).astype(np.float64),
    )


def _extended(band: _Band, columns: npt.NDArray[np.intp]) -> Column:
    """The band's middle at any columns, straight on where the band ends."""
    last = len(band.centre) - 1
    span = min(last, 80)
    place = columns - band.start
    inside = band.centre[np.clip(place, 0, last)]
    if span == 0:
        return np.asarray(inside, np.float64)
    before = (band.centre[span] - band.centre[0]) / span
    after = (band.centre[last] - band.centre[last - span]) / span
    beyond = np.minimum(place, 0) * before + np.maximum(place - last, 0) * after
    return np.asarray(inside + beyond, np.float64)
