"""The local AWS: an emulator, the Terraform layers applied to it, and a Gemini stand-in."""
