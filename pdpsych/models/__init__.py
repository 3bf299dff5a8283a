"""Models of vision as representations."""
