"""Trial logs: their records, writing and reading."""
