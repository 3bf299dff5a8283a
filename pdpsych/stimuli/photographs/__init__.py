"""Photographs of any kind, as linear light."""
