"""Evaluation: what the pipeline got right, what it flagged, and what it got silently wrong."""
