"""The parts of the training: settings, data, one step, what is kept, and the processes that share the work."""
