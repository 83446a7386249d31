"""Run policies and warnings over a whole population; say what changed since last time."""
