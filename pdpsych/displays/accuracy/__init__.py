"""How well a measured curve is known, and where it should be measured next."""
