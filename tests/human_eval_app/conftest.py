"""Lets the tests of the rating app, in all folders below, import the modules that lie beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
