"""Bringing back what was deleted or overwritten."""
