"""Handwritten digits, from the data to a released model."""
