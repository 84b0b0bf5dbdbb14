"""The order and the numbers of classes: numbers by value, words by letter, and within a word numbers by value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_WHOLE = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)  # a label as it is written, which fits into 64 bits


def is_number(name: str) -> bool:
    """Whether the name of a class is a number as people write it: -1, 007, 2.5."""
    return _NUMBER.fullmatch(name) is not None


def natural(name: str) -> tuple[Any, ...]:
    """Sort key of a class name: -1, 2, 10, class2, class10. Keys are unique, so the order of a set does not matter."""
    is_value = is_number(name)
    return (not is_value, float(name) if is_value else 0.0, [_part(part) for part in re.split(r"([0-9]+)", name)], name)


def _part(text: str) -> tuple[Any, ...]:
    """Sort key of a part of a name: digits by their value, without a limit on their number; before words."""
    digits = text.lstrip("0")
    return (0, len(digits), digits) if text.isascii() and text.isdigit() else (1, 0, text)


def own_labels(classes: Sequence[str] | None) -> np.ndarray | None:
    """The classes' own labels, int64 [K], if their names are ascending whole numbers, such as 1990, 2000, 2020; else None."""
    if not classes or not all(map(_WHOLE.fullmatch, classes)):
        return None
    labels = np.array([int(name) for name in classes], np.int64)
    return labels if (np.diff(labels) > 0).all() else None


def numbered_classes(labels: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number the labels that occur, in ascending order: (class of each sample, int64 [N]; the labels as class names).

    `others` are the labels of other splits, so that all splits have the same classes.
    """
    known = np.unique(np.concatenate([np.unique(part) for part in (labels, *others)]))
    return np.searchsorted(known, labels), tuple(map(str, known.tolist()))
