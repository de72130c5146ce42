import re

from harness.models.registry import BUILT_IN
from harness.published import baselines, published_figures


def test_every_value_has_a_source_and_the_papers_own_is_there() -> None:
    figures = {(figure.model, figure.trained_on_coco): figure for figure in published_figures()}
    assert len(figures) == len(published_figures()) == 13
    for figure in figures.values():
        assert 0 < figure.value < 100
        assert re.search(r"arXiv \d{4}\.\d{5}", figure.source)
    assert figures["Imagen", False].value == 7.27
    assert figures["GLIDE", False].value == 12.24
    assert figures["DALL-E 2", False].value == 10.39


def test_the_papers_four_opponents_have_a_way_in() -> None:
    assert [entry.model for entry in baselines()] == [
        "GLIDE",
        "DALL-E 2",
        "Latent Diffusion (LDM-KL-8-G)",
        "VQGAN+CLIP",
    ]
    for entry in baselines():
        assert entry.spec.partition(":")[0] in BUILT_IN
