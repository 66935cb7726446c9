"""Generated references: docs/settings.md and the JSON Schema of the settings files."""
