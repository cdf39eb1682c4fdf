"""Who is to know of what, when they are written to, and what they did about it."""
