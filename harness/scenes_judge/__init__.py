"""The judge of the drawn world."""
