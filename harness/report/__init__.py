"""Reports on runs: one page, a comment for a pull request, a table for a paper."""
