"""Schema of the settings files: their reader, constraints, documentation and JSON Schema."""
