"""How good a bundle is, measured on what it serves: figures with intervals, a baseline beside it, functional tests."""
