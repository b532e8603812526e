"""Asks a released model about whole files: every record in is a prediction or a failure that is named."""
