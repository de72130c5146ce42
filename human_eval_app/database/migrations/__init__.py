"""Schema migrations of the rating store."""
