"""Deals units to territories so that a measure is even, patches hang together, and few move."""
