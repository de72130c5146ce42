"""Ratings as plain files, and back again."""
