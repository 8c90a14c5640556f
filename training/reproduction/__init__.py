"""A bundle's data, model and figures made again from its manifest, and what differs. It registers nothing."""
