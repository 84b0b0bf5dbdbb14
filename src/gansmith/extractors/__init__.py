"""Feature extractors: what images are compared in."""

from __future__ import annotations

from gansmith.extractors.extractor import Extractor, Features

__all__ = ["Extractor", "Features"]
