"""TFLite models through LiteRT."""
