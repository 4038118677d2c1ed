"""What this machine can read with, for `reprise doctor`."""

from __future__ import annotations

import importlib.metadata
from typing import NamedTuple

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.ocr import handwriting, htr, networks, tesseract


class EngineState(NamedTuple):
    """An engine, its version and languages, and whether it can read here."""

    name: str
    version: str
    languages: tuple[str, ...]
    ok: bool


def engines(settings: Settings) -> list[EngineState]:
    """Every engine that reading uses; `version` is empty for one that is missing."""
    return [_tesseract(settings), _rapidocr(), _handwriting(), _print_or_hand()]


def _tesseract(settings: Settings) -> EngineState:
    try:
        version = tesseract.version(settings.tesseract)
        languages = tesseract.languages(settings.tesseract)
    except SetupError:
        return EngineState("tesseract", "", (), False)
    wanted = set(settings.languages.split("+"))
    return EngineState("tesseract", version, languages, wanted <= set(languages))


def _rapidocr() -> EngineState:
    try:
        version = importlib.metadata.version("rapidocr")
        for part in ("det", "rec"):
            networks.session(networks.packaged(f"models/*{part}*.onnx"))
    except (SetupError, importlib.metadata.PackageNotFoundError):
        return EngineState("rapidocr", "", (), False)
    return EngineState("rapidocr", version, ("fra",), True)


def _handwriting() -> EngineState:
    files = ("handwriting.onnx", "language.npz", "calibration.json")
    ok = all((htr.WEIGHTS / file).is_file() for file in files)
    return EngineState("reprise-htr", htr.VERSION if ok else "", ("fra",), ok)


def _print_or_hand() -> EngineState:
    ok = handwriting.NETWORK.is_file()
    return EngineState("print-or-hand", "1" if ok else "", (), ok)
