"""Running requests together that wait together."""
