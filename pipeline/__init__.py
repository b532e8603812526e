"""Declares, checks, runs, caches and records pipelines; knows nothing of TensorFlow or Beam."""
