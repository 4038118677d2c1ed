"""Dosage: from a French line to FHIR-like steps, and back to French."""

from pipeline.extraction.dosage.reading import Found, Prescribed, read_dosage

__all__ = ["Found", "Prescribed", "read_dosage"]
