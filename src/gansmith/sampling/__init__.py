"""From random numbers to samples: noise, conditions, the generator's inputs, sampling itself, interpolation and reconstruction.

What belongs here: everything that needs a trained generator and its inputs, and no run folder.
What does not: the run folder (`runs`), scores (`evaluation`), training.
"""
