"""Tables of what was measured elsewhere."""
