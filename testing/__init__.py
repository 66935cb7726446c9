"""What the tests and the benchmarks share: the emulator, stored items, load."""
