"""Letters to the field, certified: which may go, which are held and why, and who approved what."""
