"""``python -m kmaflow`` is ``kmaflow``."""

from kmaflow.cli import main

main()
