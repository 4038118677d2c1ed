"""What a page and a document are after their way through the stages, and what made them so.

Apart from `runner.py`, so that the process that hands out work need not load the stages.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.config import Settings
from pipeline.model import Extraction, Page, Step

READING_ROOMS = ("imaging", "ocr", "terminology")
DRAFTING_ROOMS = ("intake", "extraction", "fhir")


@dataclass(frozen=True)
class PageResult:
    """A page as read, a JPEG preview of its original, and the images asked for by name."""

    page: Page
    preview: bytes
    intermediate: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class DocumentResult:
    """What a document says, and its draft Bundle, which has passed every check."""

    extraction: Extraction
    bundle: dict[str, Any]


def step(room: str, settings: Settings) -> Step:
    return Step(
        name=room, version=f"{__version__}+{code_version(room)}", settings=settings.fingerprint
    )


def code_version(*rooms: str) -> str:
    """A short hash of the rooms' code, vocabulary and weights: changes when a result may."""
    return hashlib.sha256(b"".join(map(_contents, rooms))).hexdigest()[:12]


@functools.cache
def _contents(room: str) -> bytes:
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted((root / room).rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.digest()
