"""Training: the loop, the trainer and its backends, the writer of the run folder, and the supervisor.

In here: everything that happens while a run trains.
Elsewhere: what defines a GAN (`objectives`, `networks`, `recipes`), and evaluation of finished runs (`evaluation`).

What belongs here: everything that happens while a run trains.
What does not: what a GAN is (`objectives`, `networks`, `recipes`), or what is measured afterwards (`evaluation`).
"""
