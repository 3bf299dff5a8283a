"""Local geometry of representations: sensitivities, the metric, and the solvers."""
