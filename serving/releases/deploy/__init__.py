"""The releases served by TensorFlow Serving."""
