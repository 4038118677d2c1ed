"""Allergies and intolerances, and the explicit statement that there are none."""

from pipeline.extraction.allergies.factory import COMPONENT

__all__ = ["COMPONENT"]
