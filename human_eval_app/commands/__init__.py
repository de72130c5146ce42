"""`drawbench study` and `drawbench rate`. They import the rest when they run."""
