"""Numbers that a company brings, by unit or by any finer body: read, kept, summed onto a plan."""
