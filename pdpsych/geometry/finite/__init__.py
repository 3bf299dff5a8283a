"""Responses to distortions that are not small."""
