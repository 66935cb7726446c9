"""One module per layer; each turns typed inputs into typed outputs."""
