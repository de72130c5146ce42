"""Puts this folder on the path, as pytest imports tests by importlib."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
