"""Imaging: decoded pixels become an upright, flat, clean page that maps back to the original."""
