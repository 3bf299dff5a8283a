"""``python -m pdpsych``."""

from pdpsych.cli import main

main()
