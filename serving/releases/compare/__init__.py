"""Two versions asked the same, and what differs."""
