"""What every component reads and writes files with."""
