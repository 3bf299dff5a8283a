"""Principal distortions at amplitudes that people can see."""
