"""Dosage: from a French line to FHIR-like steps, and back to French."""

from pipeline.extraction.dosage.reading import Found, Prescribed, read_dosage
from pipeline.extraction.dosage.rendering import render, says_the_same

__all__ = ["Found", "Prescribed", "read_dosage", "render", "says_the_same"]
