"""The steps of a pipeline: one file, one function, one step, all the same verb."""
