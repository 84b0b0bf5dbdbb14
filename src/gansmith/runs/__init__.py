"""The run folder, the only thing that training hands on: its files, lock, metadata, log, checkpoints, and whose code it may run.

What belongs here: everything that knows a file name inside a run folder.
What does not: deciding when something is written (`training`), or what samples are worth (`evaluation`).
"""
