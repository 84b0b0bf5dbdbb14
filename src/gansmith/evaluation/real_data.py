"""Which real samples an evaluation compares with: the run's own data, also after they were moved, or data that the user names."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

from gansmith.core.errors import DataError
from gansmith.data import Folder, Repeats, Source, base_source, find_source, location
from gansmith.evaluation.sizes import Load, at_own_size
from gansmith.evaluation.sources import GeneratedSamples, SampleSource, data_of

logger = logging.getLogger("gansmith")


def real_source(subject: SampleSource, data: str | Source | None, size: int | None) -> tuple[Source, tuple[str, ...]]:
    """The source of the real samples, and what to say of how it is read.

    Without `data` it is the run's own. A path to data of the same type as the run's is read with the run's settings. Other
    folders are read at the size of the samples. Raises DataError if data are needed or missing.
    """
    own = data_of(subject)
    if data is None:
        if own is None:
            raise DataError(f"{subject.what} needs real data to compare with: add --data, as in --data mnist")
        if isinstance(subject, GeneratedSamples):
            _ = subject.run.data
        return own, ()
    if not isinstance(data, str):
        return data, ()
    return source_beside(own, subject.shape, data, size)


def source_beside(
    own: Source | None, shape: tuple[int, ...], data: str, size: int | None = None
) -> tuple[Source, tuple[str, ...]]:
    """The source at a path or of a name, as it is read beside samples of a shape by a generator trained on `own`."""
    found = find_source(data)
    like = None if own is None else base_source(own)
    if like is not None and type(found) is type(like) and location.path_of(like) is not None:
        return _in_range_of(like, _without_missing_table(location.moved(like, data), data)), ()
    return at_own_size(dataclasses.replace(found, size=None), size, shape) if isinstance(found, Folder) else (found, ())


def _in_range_of(own: Source, source: Source) -> Source:
    """A folder whose values of more than 8 bits become the same greys as those of the run's folder, where that is still there."""
    if not isinstance(own, Folder) or not isinstance(source, Folder) or source.path == own.path:
        return source
    try:
        return dataclasses.replace(source, range=own.wide_range())
    except DataError:
        return source


def _without_missing_table(source: Source, path: str) -> Source:
    """A folder without the table of labels of the run's folder, unless this folder has it too."""
    table = getattr(source, "labels", None)
    if not isinstance(source, Folder) or table is None or any(os.path.isfile(p) for p in (table, Path(path, table))):
        return source
    return dataclasses.replace(source, labels=None)


def is_own_data(subject: SampleSource, source: Source, load: Load, *, was_given: bool) -> bool:
    """Whether a run was trained on the samples of a source, which `load` loads, by their digest where the run has one.

    Raises DataError where the run's data, which were not named anew, have other content than in training.
    """
    if not isinstance(subject, GeneratedSamples):
        return False
    run, own = subject.run, data_of(subject)
    known = run.metadata.get("data_sha256")
    if known is None:
        return _is_likely_own(subject, source)
    trained_on = run.recipe.data
    if isinstance(trained_on, Repeats):  # training reads other samples than an evaluation: the repeated ones
        path = location.path_of(source)
        samples = (
            trained_on if path is None or location.path_of(trained_on) is None else location.moved(trained_on, path)
        ).load()
    else:
        samples = load("train")
    if location.digest_of_samples(samples) == known:
        return True
    if source == own and not was_given:
        raise DataError(
            f"the data of run {run.path} have changed since training (SHA-256 was {known[:12]}...): restore them, or name the "
            "data to compare with in --data"
        )
    return False


def _is_likely_own(subject: GeneratedSamples, source: Source) -> bool:
    """Whether a source is a run's own data by name, for a run without a digest. Says so where they were moved."""
    own = data_of(subject)
    then, now = location.path_of(own) if own is not None else None, location.path_of(source)
    if own is None or source == own or then is None or now is None or os.path.exists(os.path.expanduser(then)):
        return source == own
    if location.moved(source, then) != own:
        return False
    logger.warning(
        f"run {subject.run.path} was begun before data were known by a digest: whether {now} are its data can't be checked"
    )
    return True
