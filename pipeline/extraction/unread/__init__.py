"""Rows whose ink no engine could read: shown to a person, never guessed."""

from pipeline.extraction.unread.factory import COMPONENT

__all__ = ["COMPONENT"]
