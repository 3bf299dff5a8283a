"""Text of any script and length: fonts, direction, lines, pages and pixels."""
