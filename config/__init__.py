"""Wiring: settings, addresses, servers, the clock. Nobody imports it."""
