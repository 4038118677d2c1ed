"""Problems, diagnoses, reasons and history, with what the note says of their certainty."""

from pipeline.extraction.conditions.factory import COMPONENT

__all__ = ["COMPONENT"]
