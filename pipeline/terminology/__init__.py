"""Terminologies: medicines (BDPM and built-in lists) and CIM-10 labels."""

from pipeline.terminology.bdpm import Summary, import_bdpm
from pipeline.terminology.medicines import Entry, Near, Product, Terminology

__all__ = ["Entry", "Near", "Product", "Summary", "Terminology", "import_bdpm"]
