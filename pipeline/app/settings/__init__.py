"""Settings: TOML files and options become records here, and nowhere else."""
