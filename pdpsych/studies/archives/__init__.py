"""Studies as archives."""
