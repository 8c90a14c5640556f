"""The researchers' bench: whom a bundle serves less well, told with its uncertainty, on any rows with groups.

It judges what is served, through ``training.evaluation.judges``; it trains nothing and changes no bundle.

vigie-train audit BUNDLE
vigie-train audit BUNDLE --data FILE.csv --label-columns haine --group-columns region,age
"""
