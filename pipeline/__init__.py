"""Reprise: scans of French medical paper in, reviewed FHIR R4 bundles out."""

__version__ = "0.1.0"
