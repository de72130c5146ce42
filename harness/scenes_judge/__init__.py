"""A judge for the drawn world of `drawbench.scenes`: does a picture show what its scene asks?

After GenEval (Ghosh et al. 2023): a detector says which objects are where and in which colours, and rules
compare that with the scene. `network` is the detector, trained on real renderings alone by `train` (`store`,
`retouch`, `distort`, `targets`, `tune`); `detect` runs it, `decode` makes its maps a list of objects,
`verdict` holds the rules and all definitions, `reason` puts a verdict into words, and `check` shows how far
the judge can be trusted. The metrics over it are in `harness.metrics.scenes`.
"""
