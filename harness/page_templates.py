"""What every HTML page is made with: escaping templates, and the styles and scripts that stand inside it."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined


def page_environment(package: str = "harness") -> Environment:
    """The templates of a package, with every value escaped and unknown names an error."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template_part(name: str, package: str = "harness") -> str:
    """A style or script of a package."""
    return (resources.files(package) / "templates" / name).read_text(encoding="utf-8").strip()


def source_hash(source: str) -> str:
    """What a page's policy allows as its only script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
