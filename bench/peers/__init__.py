"""Handlers that do the function's usual job, a hit, with the usual libraries.

Each does less than the function: it reads no configuration of its own, validates little and adds
no cache headers. What a miss would ask a model for is a constant here: only hits are compared.
"""
