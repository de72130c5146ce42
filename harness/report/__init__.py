"""Reports on runs: one page, a comment for a pull request, a table for a paper."""

from harness.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
