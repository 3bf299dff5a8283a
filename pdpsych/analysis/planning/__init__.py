"""How much data a study needs, by simulation."""
