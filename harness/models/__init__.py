"""Adapters: what a run can ask for pictures. Found by `harness.models.registry`."""
