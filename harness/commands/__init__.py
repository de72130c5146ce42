"""One module for each command of `drawbench`: its flags, and what it prints. All work is done elsewhere."""
