"""The formats a trained model is exported to beside its SavedModel: how each is written, and read back."""
