"""What is checked, found and said of it."""
