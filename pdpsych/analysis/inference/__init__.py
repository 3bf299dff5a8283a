"""What samples that are noisy or censored say of the populations they are from."""
