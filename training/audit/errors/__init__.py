"""Where a bundle is wrong on the rows: the gravest, where they gather, what it learnt that is near. No text unasked."""
