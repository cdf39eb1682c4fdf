"""Planning on what is only proposed: drafts that rest on an event, and say when it moves."""
