"""Successions drawn as a flow, from left to right in time; and which of them a body's flow has.

    flow = flows_of(key, known)                # flows.py: the rows, bounded
    picture = draw(flow, lives, {key})         # nodes.py, placing.py, drawing.py: the geometry

`templates/footprints/_flow.html` makes SVG of a Picture.
"""

from .drawing import Band, Box, Mark, Picture, draw
from .flows import MOST, Flow, flows_of

__all__ = ["MOST", "Band", "Box", "Flow", "Mark", "Picture", "draw", "flows_of"]
