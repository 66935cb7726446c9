"""The cache Lambda behind plain HTTP on this machine."""
