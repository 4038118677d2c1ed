"""Medicines: names met under noise, with strength, form, dosage, supply and what is asked."""

from pipeline.extraction.drugs.factory import COMPONENT
from pipeline.extraction.drugs.medications import read_medications

__all__ = ["COMPONENT", "read_medications"]
