"""What carries a pipeline out."""
