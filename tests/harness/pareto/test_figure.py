"""What the figure shows, read back from its SVG and pixels."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from harness.pareto import figure
from harness.pareto.curves import Pareto
from harness.pareto.figure import ellipse_outline, pareto_figure, pareto_svg

Make = Callable[..., Pareto]


def drawn_labels(pareto: Pareto) -> list[tuple[str, tuple[float, float, float, float]]]:
    """The texts within the plot and their boxes, in points."""
    made = figure._figure(pareto, figure.COLUMN)
    axes = made.axes[0]
    frame = axes.get_window_extent()
    found = []
    for text in made.texts:
        box = text.get_window_extent()
        if frame.x0 <= box.x0 and frame.y0 <= box.y0 and box.y1 <= frame.y1 + 0.5:
            found.append((text.get_text(), (box.x0, box.y0, box.x1, box.y1)))
    return found


def test_ends_and_knee_are_labelled_and_no_labels_overlap(make_pareto: Make) -> None:
    pareto = make_pareto(("none", "static", "dynamic"), {("dynamic", 10): 3})
    labels = drawn_labels(pareto)
    texts = [text for text, _ in labels]
    assert texts.count("1") == 3
    assert texts.count("10") == 2
    assert texts.count("10†") == 1
    bend = pareto.knee(pareto.curves[0])
    assert bend is not None
    assert f"{pareto.curves[0].points[bend].at:g}" in texts
    assert len(texts) > 15
    for i, (_, one) in enumerate(labels):
        for _, other in labels[i + 1 :]:
            across = min(one[2], other[2]) - max(one[0], other[0])
            up = min(one[3], other[3]) - max(one[1], other[1])
            assert across <= 0.5 or up <= 3.5  # boxes of text have room for letters that hang lower


def test_the_svg_can_stand_in_a_page(make_pareto: Make) -> None:
    pareto = make_pareto(("static", "<b>&\"'"))
    text = pareto_svg(pareto)
    assert text.startswith("<svg ")
    root = ElementTree.fromstring(text)
    assert root.attrib["role"] == "img"
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("pareto-0123abcd-") for name in ids)
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used <= set(ids)
    named = root.attrib["aria-labelledby"].split()
    assert set(named) <= set(ids)
    said = " ".join(part.text or "" for part in root if part.tag.endswith(("title", "desc")))
    assert "fd_effnet_lite0 against scenes_accuracy" in said
    assert "guidance_scale 10" in said
    assert len(text) < 200_000
    assert "<text" not in text  # letters are outlines, as wide wherever they are shown


def test_the_png_is_a_column_wide_and_always_the_same(make_pareto: Make) -> None:
    long = "guidance_interval=[-20, -0.5], thresholding=dynamic, sampler=ancestral"
    pareto = make_pareto((long,), {(long, 8): 149})
    data, svg = pareto_figure(pareto)
    assert (data, svg) == pareto_figure(pareto)
    picture = Image.open(io.BytesIO(data))
    assert picture.width == pytest.approx(3.25 * 300, abs=1)
    ink = np.asarray(picture.convert("L")) < 200
    assert 0.01 < ink.mean() < 0.5
    assert not ink[:, 0].any()  # nothing runs off the sides
    assert not ink[:, -1].any()


def test_curves_differ_in_more_than_colour() -> None:
    looks = [figure._look(number) for number in range(6)]
    assert len({str(line) for _, line, _ in looks}) == 6
    assert len({marker for _, _, marker in looks}) == 6


def test_an_ellipse_is_where_the_covariance_says(make_pareto: Make) -> None:
    point = make_pareto().curves[0].points[3]
    outline = ellipse_outline(point)
    assert outline is not None
    apart = outline - point.scores
    distances = np.einsum("ni,ij,nj->n", apart, np.linalg.inv(point.covariance), apart)
    assert distances == pytest.approx(np.full(len(apart), distances[0]), rel=1e-6)
    assert 6.0 < distances[0] < 7.0  # 2 * 39 / 38 * F(2, 38): 6.66, and 5.99 for endlessly many groups


def test_sweeps_without_scores_without_names_and_of_one_point_are_drawn(make_pareto: Make) -> None:
    failed = {("static", weight): 150 for weight in (1, 1.25, 1.5, 1.75, 2, 3, 4, 5, 6, 7, 8, 9)}
    one = make_pareto(failed=failed)
    assert len(one.curves[0].scored) == 1
    assert pareto_svg(one).startswith("<svg")
    assert pareto_svg(make_pareto(failed={**failed, ("static", 10): 150})).startswith("<svg")
