"""The measurements of docs/performance.md: ``make bench``."""
