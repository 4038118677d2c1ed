"""Reporting: what came in, what came out and what needs a person, as JSON and as one page."""
