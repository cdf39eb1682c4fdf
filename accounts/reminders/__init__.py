"""What has a due day: kinds of it, who is reminded of what, and the letters about it."""
