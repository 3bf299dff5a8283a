"""Layers of networks: log ratios, and what separates them."""
