"""What kind of paper a document is."""

from pipeline.extraction.kinds.factory import COMPONENT

__all__ = ["COMPONENT"]
