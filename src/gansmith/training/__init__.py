"""Training: the loop, the trainer and its backends, the writer of the run folder, and the supervisor.

In here: everything that happens while a run trains.
Elsewhere: what defines a GAN (`objectives`, `networks`, `recipes`), and evaluation of finished runs (`evaluation`).
"""
