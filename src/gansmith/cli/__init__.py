"""The command line: one file for each group of commands. `main` registers them and turns errors into a line and an exit code.

What belongs here: options, help texts, progress lines and tables.
What does not: training, sampling or scoring itself. A command reads its arguments, calls one function below, and prints.
"""
