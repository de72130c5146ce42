"""Runs models on benches, scores the pictures and reports."""
