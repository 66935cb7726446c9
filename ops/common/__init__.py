"""Shared by the command groups: environment, AWS clients, options, prompt, output, errors."""
