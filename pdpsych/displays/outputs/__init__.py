"""From display levels to values of the frame buffer: one byte, ten bits, or two bytes a level."""
