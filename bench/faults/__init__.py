"""The fault run: letters and alerts under faults, on real servers. See ``__main__``."""
