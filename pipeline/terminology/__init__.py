"""Terminology: French drugs (BDPM and built-in lists) and diagnoses, looked up by folded name."""
