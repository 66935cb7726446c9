"""Building blocks of the layers: one AWS thing per module, with what it needs to be safe."""
