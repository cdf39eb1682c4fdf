"""Successions drawn as a flow, from left to right in time; and which of them a body's flow holds."""

from .drawing import Band, Box, Mark, Picture, draw, flows_of

__all__ = ["Band", "Box", "Mark", "Picture", "draw", "flows_of"]
