"""The built-in benches, one module each. `drawbench.registry` finds them by name.

Each has `load(argument: str, options: BenchOptions) -> Bench`; scenes has `load(n, seed)`.
"""
