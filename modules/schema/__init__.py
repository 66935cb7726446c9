"""What a settings file may say: its reader, constraints, documentation and JSON Schema."""
