"""The cached answers."""
