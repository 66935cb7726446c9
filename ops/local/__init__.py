"""The local AWS: an emulator, the Terraform layers applied to it, and a stand-in for Gemini."""
