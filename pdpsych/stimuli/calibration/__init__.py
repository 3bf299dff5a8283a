"""What a display shows of a stimulus set."""
