"""The report: its sections, its words, its page."""
