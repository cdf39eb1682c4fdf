"""A report's claims become facts: staged by COPY, compared and written by set statements.

Every report is taken as the newest news of what it is an authority for: an older one that
arrives late is put in its place by ``services.receiving``, which undoes the newer ones, applies
it, and applies them again. So one rule suffices: on the days it speaks of, a report replaces
what older reports said; what a person entered stands, and so does newer news (the bundled facts
are as new as the bundle). Where the register holds otherwise and stands, that is an anomaly.
"""

from .merge import Merged, merge

__all__ = ["Merged", "merge"]
