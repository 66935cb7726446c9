"""Shared by tests and benchmarks: the emulator, questions, the storage layer, load."""
