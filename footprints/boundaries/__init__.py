"""Boundaries: files of shapes are read, their coordinates turned into metres, and made to meet.

`reading` opens a file and knows no database; `grid` knows the coordinate systems; `covering` mends
shapes and simplifies neighbours together; `placing` finds whose shape each is. The deed is
``footprints.services.boundaries``; what holds on a day and how it is drawn, ``footprints.shapes``.
"""
