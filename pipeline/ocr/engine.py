"""What an engine is: pixels of a zone in, lines with words, boxes and confidences out.

Two protocols. An `Engine` reads a zone and finds its lines by itself (Tesseract on a printed
page). A `Recogniser` reads line images that the segmentation cut out and straightened (a
handwriting recogniser); it knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.model import Alternative, Box, Line, ZoneKind
from pipeline.raster import Pixels, Transform

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ZoneImage:
    """A part of a prepared page: `grey` (height, width) uint8, dark ink on light paper.

    `kind` is what the zone seems to be; its lines may turn out otherwise. `transform` leads from
    the zone's own pixels to the page's; `dpi` is that of `grey`.
    """

    grey: Pixels
    kind: ZoneKind
    dpi: float
    transform: Transform


@dataclass(frozen=True)
class LineImage:
    """One text line cut out of a zone and straightened: `grey` (height, width) uint8.

    What is not the line's own ink is masked with the paper's tone. `top` and `bottom` are
    (width, 2): where in the zone the upper and the lower end of each column of `grey` comes from.
    """

    grey: Pixels
    top: Points
    bottom: Points

    def box(self, start: float, end: float) -> Box:
        """The upright box, in zone pixels, around columns `start` to `end` (exclusive)."""
        last = len(self.top) - 1
        first = min(max(int(start), 0), last)
        stop = min(max(int(np.ceil(end)), first + 1), last + 1)
        edges = np.concatenate([self.top[first:stop], self.bottom[first:stop]])
        x, y = edges.min(axis=0)
        right, bottom = edges.max(axis=0)
        return Box(x=float(x), y=float(y), width=float(right - x), height=float(bottom - y))


@dataclass(frozen=True)
class Span:
    """A word of a line image between columns `start` and `end` (pixels of that image).

    `confidence` is the calibrated probability that the whole word is right, `characters` those
    of its characters, one for each of `text`. `struck` marks a crossed-out word: its `text` is
    empty or what may have stood there, and never taken as if it were meant.
    """

    text: str
    start: float
    end: float
    confidence: float
    characters: tuple[float, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    struck: bool = False


@dataclass(frozen=True)
class Transcription:
    """A line image as read: its words from left to right, and why this reading was preferred."""

    words: tuple[Span, ...]
    note: str = ""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class Engine(Protocol):
    """Reads a zone and finds its lines by itself."""

    @property
    def name(self) -> str:
        """Name and version, as it stands in the evidence: `tesseract 5.3.0`."""

    def read(self, zone: ZoneImage) -> tuple[Line, ...]:
        """Lines with their boxes in page pixels, where the zone's transform leads."""


class Recogniser(Protocol):
    """Reads single lines that were already cut out."""

    @property
    def name(self) -> str:
        """Name and version, as it stands in the evidence."""

    def recognise(
        self, lines: Sequence[Pixels], lexicon: Sequence[str] = ()
    ) -> tuple[Transcription, ...]:
        """One transcription for each grey line image, in order.

        `lexicon` holds names that may occur (drugs): a recogniser that can weigh them against
        its own posteriors proposes them as alternatives of source `lexicon`.
        """
