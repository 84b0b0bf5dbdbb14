"""The run folder, the result of training: its files, lock, metadata, log, checkpoints, and trust in the user's own code.

What belongs here: everything that knows a file name inside a run folder.
What does not: when a file is written (`training`), and how good samples are (`evaluation`).
"""
