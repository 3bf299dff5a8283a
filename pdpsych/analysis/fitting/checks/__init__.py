"""Whether a fit describes the trials."""
