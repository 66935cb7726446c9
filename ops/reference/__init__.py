"""The settings reference, generated from the settings' types: docs/settings.md."""
