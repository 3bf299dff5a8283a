"""What models make of distortions large enough to be seen, as files beside a set."""
