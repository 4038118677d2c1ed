"""Extraction: lines of French clinical text become typed entities, each with its evidence."""
