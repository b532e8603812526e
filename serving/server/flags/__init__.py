"""TensorFlow Serving's flags, and what they mean here."""
