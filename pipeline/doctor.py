"""Whether this machine has all it takes: engines, languages, weights, terminologies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from pipeline.config import Settings
from pipeline.errors import RepriseError, SetupError

Found = tuple[str, str]
"""A version, and a sentence on what is there."""


@dataclass(frozen=True)
class Check:
    """One thing that must be here; `sentence` says in French what is wrong or what is there."""

    name: str
    ok: bool
    version: str
    sentence: str


def examine(settings: Settings) -> list[Check]:
    """Try each engine and each file; nothing is changed."""
    return [
        _check("Python", lambda: (".".join(map(str, sys.version_info[:3])), "")),
        _check("Tesseract (imprimé)", lambda: _tesseract(settings)),
        _check("Lecture du manuscrit", _handwriting),
        _check("OpenCV", lambda: (version("opencv-python-headless"), "")),
        _check("spaCy", lambda: (version("spacy"), "")),
        _check("FHIR", lambda: (version("fhir.resources"), "R4B, définitions livrées")),
        _check("Médicaments", lambda: _terminology(settings)),
    ]


def _check(name: str, look: Callable[[], Found]) -> Check:
    try:
        found, sentence = look()
    except RepriseError as error:
        return Check(name, False, "", error.sentence)
    except (ImportError, OSError, ValueError):
        return Check(name, False, "", "Absent ou abîmé : lancez « make run ».")
    return Check(name, True, found, sentence)


def _tesseract(settings: Settings) -> Found:
    from pipeline.ocr import tesseract

    found = tesseract.version(settings.tesseract)
    installed = tesseract.languages(settings.tesseract)
    if missing := set(settings.languages.split("+")) - set(installed):
        packages = ", ".join(f"tesseract-ocr-{language}" for language in sorted(missing))
        raise SetupError(f"Il manque la langue : installez {packages}.")
    return found, "langues : " + ", ".join(installed)


def _handwriting() -> Found:
    from pipeline.ocr.htr import recogniser

    recogniser().load()
    return recogniser().name, "poids en place"


def _terminology(settings: Settings) -> Found:
    from pipeline.terminology import Terminology

    names = len(Terminology.load(settings).names)
    source = "listes livrées" if settings.terminology is None else settings.terminology.name
    return f"{names} noms", source
