"""Reimport: validated bundles go to a FHIR server or into an export package, once."""
