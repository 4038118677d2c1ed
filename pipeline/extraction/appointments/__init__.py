"""The next visit, as a date or as a delay in the note's own words."""

from pipeline.extraction.appointments.factory import COMPONENT

__all__ = ["COMPONENT"]
