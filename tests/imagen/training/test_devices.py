import pytest
import torch

from imagen.training import devices


def test_auto_is_what_the_machine_has() -> None:
    assert devices.choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        devices.choose_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="torch sees no CUDA device"):
        devices.choose_device("cuda")


def test_bfloat16_is_refused_on_a_cpu_that_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda: False)
    devices.check_precision("float32", "cpu")
    with pytest.raises(ValueError, match="this CPU has no bfloat16"):
        devices.check_precision("bfloat16", "cpu")
    monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda: True)
    devices.check_precision("bfloat16", "cpu")


def test_the_answer_about_this_cpu_is_the_processors_own() -> None:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if capabilities.get("architecture") != "x86_64":
        pytest.skip("known only of x86-64")
    told = capabilities.get("avx512_bf16", False) or capabilities.get("amx_tile", False)
    assert devices.cpu_has_bfloat16() == bool(told)
