"""``python -m serving.cli``: the same program without its script."""

from . import main

if __name__ == "__main__":
    main()
