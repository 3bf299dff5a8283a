"""Sessions: design, placement, observers, trial logs."""
