"""Lazy, unchecked loading of the prebuilt AWS bindings; see ``bindings.load``."""
