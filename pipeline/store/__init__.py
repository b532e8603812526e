"""The record of runs: what was made, from what, and whether it still lies there unchanged."""
