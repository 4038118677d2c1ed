"""Requests for biology, imaging, physiotherapy, nursing and other care."""

from pipeline.extraction.orders.factory import COMPONENT

__all__ = ["COMPONENT"]
