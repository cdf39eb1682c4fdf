"""Reports fetched by HTTP: from an address to a whole file on disk.

    sources.py      what is fetched, as the settings name it
    manners.py      how we behave: pace, patience, limits
    pace.py         so many requests a second, however many workers ask
    asking.py       one question, asked again where that may help, answered or failed in words
    parts.py        a file that grows over several visits
    downloading.py  one address, one file: conditional, resumed, never half
    walking.py      what changed since a day: a list, then organisation by organisation

Nothing here knows a feed's row or a report: ``footprints.services.fetching`` claims the feed,
calls one of the two, and keeps what came as a report.
"""
