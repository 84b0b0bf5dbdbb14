"""Pictures from arrays: grids, animations, captions, charts, and how pictures are embedded in an HTML page.

What belongs here: functions from NumPy arrays or finished pictures to pictures, SVG or HTML fragments.
What does not: value ranges of models (`data.modality`), or anything that reads a run folder (`report`).
"""
