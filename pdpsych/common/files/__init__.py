"""How files are read, written, appended to and known by their content."""
