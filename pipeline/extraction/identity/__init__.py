"""The patient and the prescriber of a document, told apart, with their identifiers."""

from pipeline.extraction.identity.factory import COMPONENT

__all__ = ["COMPONENT"]
