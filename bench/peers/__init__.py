"""Handlers that do the function's most frequent job, a cache hit, with common libraries.

Each does less than the function: it reads no configuration, validates little and sets no cache
headers. Only hits are compared, so a constant replaces the model's answer to a miss.
"""
