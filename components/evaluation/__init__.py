"""How good a model is: counts that merge, what follows from them, and the limits it is held to."""
