"""Diagnoses an environment."""
