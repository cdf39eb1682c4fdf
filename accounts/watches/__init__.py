"""What people asked to hear of: kept, told, and moved along where a body ends."""
