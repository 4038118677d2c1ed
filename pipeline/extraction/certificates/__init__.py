"""Certificates and sick leave, with the days they cover."""

from pipeline.extraction.certificates.factory import COMPONENT

__all__ = ["COMPONENT"]
