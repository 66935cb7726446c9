"""From a pull request to an apply of what was reviewed."""
