"""French dates in all their written forms, and the date of the document itself."""

from pipeline.extraction.dates.factory import COMPONENT

__all__ = ["COMPONENT"]
