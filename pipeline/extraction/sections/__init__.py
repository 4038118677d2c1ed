"""Passages of a note under their titles, and the rows that only carry the letterhead."""

from pipeline.extraction.sections.factory import COMPONENT

__all__ = ["COMPONENT"]
