"""Training: the one loop, the trainer that takes its steps, and what is written down, scored and watched on the way.

What belongs here: everything that happens while a run trains.
What does not: what a kind of GAN is (`objectives`, `networks`, `recipes`), and what is measured afterwards (`evaluation`).
"""
