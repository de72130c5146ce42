"""An analysis as tables, figures and one page, and the words for a paper's method section."""
