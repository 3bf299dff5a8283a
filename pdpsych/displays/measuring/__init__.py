"""Measuring a display: instruments, series of readings, verification."""
