"""Fitting curves to luminances that were measured, and choosing among them."""
