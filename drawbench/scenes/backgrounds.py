"""Where a scene can be: a few flat, pale shapes each, so that every colour of object stands out."""

from __future__ import annotations

_GROUND = (
    '<rect width="100" height="100" fill="{above}"/><rect y="34" width="100" height="66" fill="{below}"/>'
)
_STARS = "".join(
    f'<circle cx="{x}" cy="{y}" r="1.1" fill="#fdf6c9"/>'
    for x, y in (
        (8, 10),
        (24, 5),
        (45, 9),
        (66, 4),
        (6, 44),
        (94, 38),
        (14, 82),
        (92, 74),
        (52, 95),
        (33, 92),
    )
)
_CLOUDS = "".join(
    f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry}" fill="#f4f9fd"/>'
    for x, y, rx, ry in ((17, 13, 13, 5), (24, 10, 9, 5), (82, 26, 13, 5), (75, 23, 8, 4), (20, 88, 14, 5))
)
_DASHES = "".join(f'<rect x="{x}" y="90" width="14" height="3.4" fill="#fbfbf4"/>' for x in (3, 29, 55, 81))

_SHAPES: dict[str | None, str] = {
    None: '<rect width="100" height="100" fill="#f6f1e7"/>',
    "grass": _GROUND.format(above="#d9ecf7", below="#b9dca3"),
    "street": _GROUND.format(above="#e3e6ea", below="#b3b6ba") + _DASHES,
    "sand": _GROUND.format(above="#cfe6f1", below="#f0dfb0"),
    "sky": '<rect width="100" height="100" fill="#bcdcf2"/>' + _CLOUDS,
    "snow": _GROUND.format(above="#c9d5e0", below="#eef4f9"),
    "night": '<rect width="100" height="100" fill="#8189b0"/>'
    '<circle cx="86" cy="13" r="8" fill="#fdf6c9"/>' + _STARS,
    "table": _GROUND.format(above="#efe6da", below="#d9b98f"),
}

BACKGROUNDS: tuple[str, ...] = tuple(name for name in _SHAPES if name is not None)


def background_svg(name: str | None) -> str:
    """The background as SVG text on a grid of 100 x 100 units. Raises KeyError for an unknown name."""
    shapes = _SHAPES[name]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{shapes}</svg>'
