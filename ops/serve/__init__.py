"""The cache Lambda as an HTTP server on this machine."""
