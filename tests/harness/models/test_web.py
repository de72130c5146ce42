import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from drawbench.errors import InputError
from harness.models.web import Answer, WebError, check_reachable_offline, checked_url, exchange


def ask(server, step: str, timeout: float = 5.0, path: str = "/draw") -> Answer:
    server.script["a cat"] = [step]
    return exchange(server.url + path, body=b'{"prompt": "a cat"}', timeout=timeout)


def test_whole_answers_of_every_status(image_server) -> None:
    assert exchange(image_server.url, timeout=5).status == 404
    for step, status in (("ok", 200), ("refuse", 400), ("key", 401), ("busy", 429), ("broken", 500)):
        image_server.calls.clear()
        answer = ask(image_server, step)
        assert answer.status == status
        assert answer.body


@pytest.mark.parametrize(
    ("step", "begun", "reason"),
    [("drop", True, "the connection broke"), ("reset", False, "the connection broke")],
)
def test_broken_connections(step: str, begun: bool, reason: str, image_server) -> None:
    with pytest.raises(WebError, match=reason) as raised:
        ask(image_server, step)
    assert raised.value.begun == begun


@pytest.mark.parametrize(("step", "begun"), [("hang", False), ("drip", True)])
def test_time_limits(step: str, begun: bool, image_server) -> None:
    start = time.monotonic()
    with pytest.raises(WebError, match=r"no answer within 0.3 s") as raised:
        ask(image_server, step, timeout=0.3)
    assert time.monotonic() - start < 15  # the server keeps silent for 20 s
    assert raised.value.begun == begun


def test_nobody_there_and_no_address_in_the_message(image_server) -> None:
    image_server.close()
    with pytest.raises(WebError, match="no connection") as raised:
        exchange(f"{image_server.url}/?token=secret", timeout=5)
    assert "secret" not in str(raised.value)


def test_redirects_are_followed_only_where_asked_for(image_server) -> None:
    moved = f"{image_server.url}/pictures/moved/a%20cat"
    assert exchange(moved, timeout=5).status == 302
    followed = exchange(moved, timeout=5, follow=True)
    assert followed.status == 200
    assert followed.body.startswith(b"\x89PNG")
    assert ask(image_server, "redirect").status == 302
    assert [path for method, path, *_ in image_server.calls if method == "POST"] == ["/draw"]


def test_retry_after_in_seconds_and_as_a_date() -> None:
    def wait(text: str) -> float | None:
        return Answer(429, {"retry-after": text}, b"").retry_after

    assert Answer(429, {}, b"").retry_after is None
    assert (wait("2"), wait("0.5"), wait("-3"), wait("soon"), wait("")) == (2.0, 0.5, 0.0, None, None)
    later = wait(format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    assert later is not None
    assert 85 < later <= 90
    assert wait(format_datetime(datetime.now(UTC) - timedelta(seconds=90), usegmt=True)) == 0.0


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://host/x", "file:///etc/passwd", "http://", "http://[", "http://host:port/"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InputError, match="give an address as"):
        checked_url("http", url)


def test_addresses_are_cleaned_and_hold_no_password() -> None:
    assert checked_url("http", "https://host:8/v1/?a=b#c") == "https://host:8/v1?a=b"
    with pytest.raises(InputError, match="leave secrets out") as raised:
        checked_url("http", "https://me:hidden@host/v1")
    assert "hidden" not in str(raised.value)


def test_offline_leaves_this_machine() -> None:
    for url in ("http://127.0.0.1:8/x", "http://localhost/x", "http://[::1]:9/"):
        check_reachable_offline("http", url, offline=True)
    check_reachable_offline("http", "http://example.org", offline=False)
    with pytest.raises(InputError, match="--offline forbids"):
        check_reachable_offline("http", "http://example.org", offline=True)
