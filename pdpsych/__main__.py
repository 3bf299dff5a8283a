"""``python -m pdpsych``."""

from pdpsych.cli.main import main

main()
