"""Terminologies: medicines (BDPM and built-in lists) and CIM-10 labels."""

from pipeline.terminology.bdpm import Summary, import_bdpm
from pipeline.terminology.cim10 import Labelled, Labels, import_cim10
from pipeline.terminology.medicines import Entry, Near, Product, Terminology, lexicon

__all__ = [
    "Entry",
    "Labelled",
    "Labels",
    "Near",
    "Product",
    "Summary",
    "Terminology",
    "import_bdpm",
    "import_cim10",
    "lexicon",
]
