"""Simulated raters: who they are, what they answer, and how they go through a study."""
