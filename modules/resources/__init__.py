"""Resource builders: one AWS resource per module."""
