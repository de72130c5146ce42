"""A world of captioned pictures that needs no download: objects, colours, counts, places, short words.

`grammar` says what a scene is, `places` where its parts stand, `painting` draws it at any size, `captions`
puts it into words and `pairs` makes an endless training stream. Combinations are held out from training
by rule (`held_out`). Drawings are OpenMoji's, CC BY-SA 4.0; see `objects`.
"""

from drawbench.scenes.backgrounds import BACKGROUNDS
from drawbench.scenes.captions import caption
from drawbench.scenes.grammar import (
    RELATIONS,
    WORDS,
    Scene,
    Thing,
    held_out,
    held_out_combinations,
    sample_scene,
    scene_from_dict,
    scene_to_dict,
)
from drawbench.scenes.objects import ATTRIBUTION, COLOURS, OBJECTS
from drawbench.scenes.painting import render
from drawbench.scenes.pairs import WORLD_VERSION, Spec, digest, draw, spec, training_pairs, training_specs
from drawbench.scenes.places import layout
from drawbench.scenes.sprites import set_sprite_cache

__all__ = [
    "ATTRIBUTION",
    "BACKGROUNDS",
    "COLOURS",
    "OBJECTS",
    "RELATIONS",
    "WORDS",
    "WORLD_VERSION",
    "Scene",
    "Spec",
    "Thing",
    "caption",
    "digest",
    "draw",
    "held_out",
    "held_out_combinations",
    "layout",
    "render",
    "sample_scene",
    "scene_from_dict",
    "scene_to_dict",
    "set_sprite_cache",
    "spec",
    "training_pairs",
    "training_specs",
]
