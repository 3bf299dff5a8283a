"""The command line: each command is one call that is open to Python too."""
