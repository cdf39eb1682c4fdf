"""One body's whole life, a question a file; ``footprints.views.organisation`` puts them together.

body.py        the body itself with the small things known of it, in one query
belonging.py   what it belongs to, on the day and ever; the ways up to its nation
children.py    what belongs to it, on the day, before and after
leading.py     who leads it, what it leads, which committees cover it
story.py       the reorganisations that led to it and on from it
people.py      its population over time, or the sum of its members'
provenance.py  what each fact rests on: source, report, when it was recorded

Every question takes the day shown and the release whose knowledge counts (None: now), costs at
most one query, and is bounded: no body of any size makes the page slow.
"""
