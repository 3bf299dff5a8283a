"""Where networks and their weights come from."""
