"""``python -m serving.cli``: the same program without its script."""

from . import main

main()
