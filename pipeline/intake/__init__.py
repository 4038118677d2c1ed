"""Intake: a folder's files become scans, and read pages become documents. Never deletes, never
trusts a name."""
