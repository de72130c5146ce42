"""The templates of reports and of the index, with what both write numbers and values by."""

from __future__ import annotations

from jinja2 import Environment
from markupsafe import Markup, escape

from harness.page_templates import page_environment
from harness.report.numbers import format_number, plain_value


def report_environment() -> Environment:
    """The package's templates with the filters `number`, `plain` and `breakable`."""
    environment = page_environment()
    environment.filters["number"] = format_number
    environment.filters["plain"] = plain_value
    environment.filters["breakable"] = lambda text: Markup(str(escape(text)).replace("|", "|<wbr>"))
    return environment
