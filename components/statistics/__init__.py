"""What is kept of the examples: summaries that merge, and the file they are written to."""
