"""From data to a served, versioned, reversible model."""
