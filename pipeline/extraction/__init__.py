"""Extraction: lines of French clinical text become typed entities, each with its evidence."""

import sys
from types import ModuleType

if "spacy" not in sys.modules:
    # spaCy takes one function from its command line, which brings a web client and templates
    # along: a third of the time that loading it takes. Nobody here asks for that function.
    _INFO = ModuleType("spacy.cli.info")
    _INFO.info = None  # type: ignore[attr-defined]
    sys.modules["spacy.cli.info"] = _INFO
    import spacy  # noqa: F401

    del sys.modules["spacy.cli.info"]
