"""Words of the trade that OCR misspells, set right by vocabulary and shown to be so."""

from pipeline.extraction.repair.factory import COMPONENT

__all__ = ["COMPONENT"]
