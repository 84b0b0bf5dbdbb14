"""Training: the loop, the trainer and its backends, the writer of the run folder, and the supervisor.

What belongs here: everything that happens while a run trains.
What does not: what a GAN is (`objectives`, `networks`, `recipes`), or what is measured afterwards (`evaluation`).
"""
