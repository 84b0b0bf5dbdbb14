"""The foundation: errors, files, random numbers, components and their text form, devices, processes, text formatting.

What belongs here: code that any room needs and that would make sense in a project without GANs.
What does not: anything that names a network, a sample, a run or a recipe. This room imports no other room.
"""
