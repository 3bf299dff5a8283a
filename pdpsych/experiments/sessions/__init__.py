"""A session: prepared once, outlined, run trial by trial."""
