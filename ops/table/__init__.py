"""The cache table itself."""
