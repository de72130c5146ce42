"""What raters see. Imports drawbench and harness."""
