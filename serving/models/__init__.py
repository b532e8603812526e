"""Models as the server runs them: SavedModels through TensorFlow's C API, and TFLite models through LiteRT.

`loaded_model` says what every model can do, and `model_loader` opens whichever kind a version folder holds.
"""
