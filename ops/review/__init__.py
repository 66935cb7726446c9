"""Reviewing plans: what a change does, and what of it is dangerous."""
