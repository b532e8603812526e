"""Where Beam runs, and how work is handed to it."""
