"""How good a generator is, how sure that is, and what the best possible value would be."""

from __future__ import annotations

from gansmith.scores import Classes, Evaluation, Finding, Memorisation, Pair, Score

__all__ = ["Classes", "Evaluation", "Finding", "Memorisation", "Pair", "Score"]
