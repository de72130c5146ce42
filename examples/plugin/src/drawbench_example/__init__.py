"""A template of a package that adds to the DrawBench Suite."""

from __future__ import annotations

PAINTS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 70, 200), "yellow": (230, 210, 50)}
"""Colour word -> RGB, 0..255."""
