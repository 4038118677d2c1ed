"""Cross-checks between the values of one document. They only ever lower trust."""

from pipeline.extraction.checks.factory import COMPONENT

__all__ = ["COMPONENT"]
