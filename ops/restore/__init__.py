"""Restores what was deleted or overwritten."""
