"""Synthetic French practice paper with its ground truth.

What the papers say (`contents`), how they look (`rendering`), what scanners and phones do to
them (`degradation`) and how they are stored (`writing`) are separate; `scans` puts them together.
"""
