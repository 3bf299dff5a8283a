"""Solvers: eigen-distortions and principal distortions."""
