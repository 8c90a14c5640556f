"""Groups against the other rows: AUCs, equality gaps, calibration, intervals, corrections. Knows no sentence."""
