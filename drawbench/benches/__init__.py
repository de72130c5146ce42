"""The built-in benches, one module each. Each has `load(argument, options) -> Bench`."""
