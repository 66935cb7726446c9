"""Size and configuration of the cache table."""
