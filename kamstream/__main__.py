"""``python -m kamstream``."""

from kamstream.cli.main import main

main()
