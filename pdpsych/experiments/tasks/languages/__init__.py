"""Default texts of sessions, a file for each language."""
