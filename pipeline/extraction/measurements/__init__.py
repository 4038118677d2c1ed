"""Vital signs, biology and obstetric measurements, with LOINC codes and UCUM units."""

from pipeline.extraction.measurements.factory import COMPONENT

__all__ = ["COMPONENT"]
