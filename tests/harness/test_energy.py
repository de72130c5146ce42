"""Energy from the counters that a device has; None, not a guess, where it has none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.energy import Counter, EnergyMeter, spent


def _zone(root: Path, name: str, joules: float) -> None:
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "energy_uj").write_text(str(int(joules * 1e6)))
    (root / name / "max_energy_range_uj").write_text(str(int(1000 * 1e6)))


def test_packages_are_added_and_their_parts_are_not(tmp_path: Path) -> None:
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        _zone(tmp_path, name, 10)
    meter = EnergyMeter(tmp_path)
    _zone(tmp_path, "intel-rapl:0", 14)
    _zone(tmp_path, "intel-rapl:1", 11.5)
    _zone(tmp_path, "intel-rapl:0:0", 13)
    assert meter.read() == {"joules": 5.5, "energy_from": "CPU"}


def test_a_counter_that_starts_anew(tmp_path: Path) -> None:
    _zone(tmp_path, "intel-rapl:0", 990)
    meter = EnergyMeter(tmp_path)
    _zone(tmp_path, "intel-rapl:0", 5)
    assert meter.read()["joules"] == 15


def test_nothing_to_read_is_none(tmp_path: Path) -> None:
    assert EnergyMeter(tmp_path).read() == {"joules": None, "energy_from": None}
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("secret")
    assert EnergyMeter(tmp_path).read() == {"joules": None, "energy_from": None}


@given(st.floats(0, 1e6), st.floats(0, 1e5))
def test_spent_is_never_negative(start: float, used: float) -> None:
    most = 1e6
    after = Counter((start + used) % most, most)
    assert spent(Counter(start, most), after) == pytest.approx(used, abs=1e-3)
