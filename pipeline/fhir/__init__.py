"""FHIR: an extraction becomes a draft R4 Bundle, decisions make it a validated one."""
