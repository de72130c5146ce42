import pytest

from imagen.text import MiniLM


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    """The real encoder, loaded once for all tests."""
    return MiniLM()
