"""From trial logs to thresholds, scores, figures and the report."""
