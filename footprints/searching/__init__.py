"""Bodies by words and codes: the search box (`finding`), misspelt words put right (`mending`), and
which versions match what narrows a list (`matching`). Names are words as in `words`."""

from .finding import SHOWN, search

__all__ = ["SHOWN", "search"]
