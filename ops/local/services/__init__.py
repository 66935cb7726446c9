"""The processes of the local AWS: the emulator, the Gemini stand-in, and how they are run."""
