"""What must be refused: foreign hosts and origins, wrong tokens, others' things, administrators' pages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from served_studies import HEADERS, ORIGIN, Served, serve_study
from small_studies import ADMIN_TOKEN, small_design
from starlette.routing import Route

from drawbench.errors import InputError
from human_eval_app.studies.writing import renew_admin_token
from human_eval_app.web.assembly import own_routes
from human_eval_app.web.guesses import GuessLimiter
from human_eval_app.web.security import Site, security_headers, shell_policy, site_for
from human_eval_app.web.streamlit_settings import SETTINGS


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return serve_study(tmp_path / "study", str(tmp_path / "ratings.db"))


def changing_routes(served: Served) -> list[str]:
    """Every address of ours that takes a POST."""
    routes = [route for route in own_routes(served.service) if isinstance(route, Route)]
    paths = [route.path for route in routes if "POST" in (route.methods or ())]
    assert len(paths) >= 11
    return [path.replace("{token}", "x" * 43) for path in paths]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "",
        "http://evil.example",
        "https://127.0.0.1.evil.example",
        "http://127.0.0.1:1",
        "http://127.0.0.1@evil.example",
        "file://",
        "http://127.0.0.1/path",
    ],
)
def test_every_change_needs_our_own_origin(served: Served, origin: str | None) -> None:
    rater = served.enter()
    for path in changing_routes(served):
        request = rater.client.build_request("POST", path, json={})
        del request.headers["origin"]
        if origin is not None:
            request.headers["origin"] = origin
        reply = rater.client.send(request)
        assert reply.status_code == 403, path
        assert "another page" in reply.text


def test_every_change_needs_our_own_header(served: Served) -> None:
    rater = served.enter()
    for path in changing_routes(served):
        request = rater.client.build_request("POST", path, json={})
        del request.headers["x-drawbench"]
        assert rater.client.send(request).status_code == 403, path


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "a b", "127.0.0.1@x"]
)
def test_foreign_hosts_are_refused_everywhere(served: Served, host: str) -> None:
    rater = served.enter()
    for path in ("/", "/api/item", "/favicon.png", "/admin/login"):
        reply = rater.client.get(path, headers={"Host": host})
        assert reply.status_code == 421, (path, host)


def test_a_server_on_every_interface_is_reached_by_address_and_not_by_a_strangers_name() -> None:
    site = site_for("0.0.0.0")
    assert site.allows_host("192.168.1.7:8501")
    assert site.allows_host("[fe80::1]:8501")
    assert not site.allows_host("rebound.example:8501")
    assert not site_for("127.0.0.1").allows_host("192.168.1.7:8501")


def test_a_public_address_is_a_name_and_an_origin() -> None:
    site = site_for("127.0.0.1", "https://Ratings.example.org/")
    assert site.secure
    assert site.allows_host("ratings.example.org")
    assert site.allows_origin("https://ratings.example.org", "127.0.0.1:8501") is True
    assert not site.allows_origin("https://other.example.org", "ratings.example.org")


@pytest.mark.parametrize(
    "url", ["ratings.example.org", "ftp://x", "https://", "https://x/path", "https://x?a=1"]
)
def test_a_public_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="base-url"):
        site_for("127.0.0.1", url)


def test_bound_to_this_machine_by_default() -> None:
    assert SETTINGS["server.address"] == "127.0.0.1"
    assert SETTINGS["server.allowedHosts"] == ["localhost", "127.0.0.1", "::1"]
    assert SETTINGS["browser.gatherUsageStats"] is False
    assert SETTINGS["client.showErrorDetails"] == "none"


def test_the_settings_file_for_streamlit_says_the_same() -> None:
    import tomllib

    import human_eval_app

    path = Path(human_eval_app.__file__).parent / ".streamlit" / "config.toml"

    def flat(table: dict[str, object], before: str = "") -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in table.items():
            found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
        return found

    assert flat(tomllib.loads(path.read_text(encoding="utf-8"))) == dict(SETTINGS)


def test_headers_are_on_every_response(served: Served) -> None:
    rater = served.enter()
    item = rater.item()
    picture = item["sides"][0]["pictures"][0]["url"]
    for path in ("/api/item", picture, "/nothing", "/admin/login", f"/enter/{'x' * 43}", "/_stcore/metrics"):
        headers = rater.client.get(path).headers
        for name in security_headers(served.service.site):
            assert name in headers, (path, name)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
    refused = rater.client.get("/", headers={"Host": "evil.example"})
    assert refused.headers["x-frame-options"] == "DENY"


def test_no_script_is_inline_but_streamlits_own() -> None:
    scripts = next(part for part in shell_policy().split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "sha256-" in scripts


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/agent/interact",
        "/_stcore/agent/openapi.json",
        "/_stcore/upload_file/a/b",
        "/auth/login",
    ],
)
def test_streamlits_unused_addresses_are_closed(served: Served, path: str) -> None:
    assert served.browser().get(path).status_code == 404
    assert served.browser().post(path, json={}).status_code == 404


def test_a_websocket_needs_our_own_origin(served: Served) -> None:
    from starlette.websockets import WebSocketDisconnect

    client = served.browser()
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            client.websocket_connect("/_stcore/stream", headers=headers),
        ):
            pass
        assert closed.value.code == 1008


# links


def test_guessed_tokens_are_refused_and_then_slowed_down(served: Served) -> None:
    client = served.browser()
    for number in range(20):
        reply = client.post(f"/enter/{str(number) * 43}", json={})
        assert (reply.status_code, reply.json()["error"]) == (403, "unknown")
    reply = client.post(f"/enter/{served.invite()}", json={})
    assert (reply.status_code, reply.json()["error"]) == (429, "guessing")
    assert 0 < int(reply.headers["retry-after"]) <= 300
    served.clock.wait(301)
    assert client.post(f"/enter/{served.invite()}", json={}).status_code == 303


@pytest.mark.parametrize(
    "token",
    ["", "x", "../../etc/passwd", "%2e%2e%2fsecret.key", "' OR 1=1 --", "\x00", "é" * 43, "x" * 10_000, "🙂"],
)
def test_odd_tokens_open_nothing(served: Served, token: str) -> None:
    from urllib.parse import quote

    reply = served.browser().post(f"/enter/{quote(token, safe='')}", json={})
    assert reply.status_code in {403, 404, 400}
    assert "set-cookie" not in reply.headers


def test_an_expired_link_is_refused(served: Served) -> None:
    token = served.invite(expires_at=served.clock() + timedelta(minutes=5))
    served.clock.wait(301)
    reply = served.browser().post(f"/enter/{token}", json={})
    assert (reply.status_code, reply.json()["error"]) == (410, "expired")


def test_a_link_is_for_one_use(served: Served) -> None:
    token = served.invite()
    assert served.browser().post(f"/enter/{token}", json={}).status_code == 303
    reply = served.browser().post(f"/enter/{token}", json={})
    assert (reply.status_code, reply.json()["error"]) == (410, "used")


@pytest.mark.parametrize("places", [None, 3])
def test_a_lost_answer_to_the_entry_is_given_again_to_the_same_browser_only(
    served: Served, places: int | None
) -> None:
    token = served.invite(open_places=places)
    client = served.browser()
    client.get(f"/enter/{token}")
    nonce = client.cookies[served.service.entry_cookie]
    assert client.post(f"/enter/{token}", json={}).status_code == 303
    credential = client.cookies[served.service.rater_cookie]
    assert served.service.entry_cookie not in client.cookies
    lost = served.browser()  # as if that answer had never come
    lost.cookies.set(served.service.entry_cookie, nonce)
    assert lost.post(f"/enter/{token}", json={}).status_code == 303
    assert lost.cookies[served.service.rater_cookie] == credential
    assert len(served.service.store.raters()) == 1
    other = served.browser()
    other.get(f"/enter/{token}")
    assert other.cookies[served.service.entry_cookie] != nonce
    reply = other.post(f"/enter/{token}", json={})
    if places is None:
        assert reply.json()["error"] == "used"
    else:
        assert other.cookies[served.service.rater_cookie] != credential
    served.service.store.revoke(1)
    again = served.browser()
    again.cookies.set(served.service.entry_cookie, nonce)
    again.post(f"/enter/{token}", json={})
    assert again.cookies.get(served.service.rater_cookie) in {None, credential}
    assert again.get("/api/item").status_code == 401


def test_a_browser_that_asks_twice_at_once_gets_one_session(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, store = served.invite(), served.service.store
    client = served.browser()
    client.get(f"/enter/{token}")
    nonce = client.cookies[served.service.entry_cookie]
    assert client.post(f"/enter/{token}", json={}).status_code == 303
    second = served.browser()
    second.cookies.set(served.service.entry_cookie, nonce)
    looked: list[str] = []
    known = store.rater_id_of

    def as_before_the_first_was_answered(credential: str) -> int | None:
        looked.append(credential)
        return None if len(looked) == 1 else known(credential)

    monkeypatch.setattr(store, "rater_id_of", as_before_the_first_was_answered)
    assert second.post(f"/enter/{token}", json={}).status_code == 303
    assert second.cookies[served.service.rater_cookie] == client.cookies[served.service.rater_cookie]
    assert len(store.raters()) == 1


def test_a_revoked_rater_is_out_at_once(served: Served) -> None:
    token = served.invite()
    rater = served.enter(token)
    item = rater.item()
    address = item["sides"][0]["pictures"][0]["url"]
    served.service.store.revoke(1)
    assert rater.client.get("/api/item").status_code == 401
    assert rater.answer(item).status_code == 401
    assert rater.client.get(address).status_code == 403
    fresh = served.invite()
    served.service.store.revoke(2)
    assert served.browser().post(f"/enter/{fresh}", json={}).json()["error"] == "revoked"


def test_a_reissued_link_ends_the_session_before(served: Served) -> None:
    rater = served.enter()
    item = rater.item()
    token = served.service.store.reissue(1).token
    assert rater.client.get("/api/item").status_code == 401
    other = served.browser()
    assert other.post(f"/enter/{token}", json={}).status_code == 303
    assert other.get("/api/item").json() == item


def test_the_limiter_forgets_and_is_bounded() -> None:
    now = 0.0
    limiter = GuessLimiter(most=2, window=10, addresses=3, clock=lambda: now)
    for _ in range(2):
        limiter.wrong("2001:db8::1")
    assert limiter.seconds_to_wait("2001:db8::2") == 10  # the same subscriber
    assert limiter.seconds_to_wait("2001:db8:0:1::2") == 0
    for number in range(3):
        limiter.wrong(f"10.0.0.{number}")
    assert limiter.seconds_to_wait("2001:db8::1") == 0  # forgotten: only three are remembered
    limiter.wrong("10.0.0.1")
    assert limiter.seconds_to_wait("::ffff:10.0.0.1") == 10
    now = 10.5
    assert limiter.seconds_to_wait("10.0.0.1") == 0


# cookies


def test_the_cookies_flags(served: Served, tmp_path: Path) -> None:
    plain = served.browser().post(f"/enter/{served.invite()}", json={}).headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Path=/" in plain
    assert "Secure" not in plain
    admin = served.browser().post("/admin/login", json={"token": ADMIN_TOKEN}).headers["set-cookie"]
    assert "HttpOnly" in admin
    assert "SameSite=strict" in admin
    behind_tls = serve_study(
        tmp_path / "tls", str(tmp_path / "tls.db"), site=site_for("127.0.0.1", "https://ratings.example.org")
    )
    entered = behind_tls.browser().get(f"/enter/{behind_tls.invite()}").headers["set-cookie"]
    assert "Secure" in entered
    assert "HttpOnly" in entered
    for path, body in ((f"/enter/{behind_tls.invite()}", {}), ("/admin/login", {"token": ADMIN_TOKEN})):
        assert "Secure" in behind_tls.browser().post(path, json=body).headers["set-cookie"]
    assert "max-age" in behind_tls.browser().get("/admin/login").headers["strict-transport-security"]


def test_a_cookie_that_was_made_up_is_no_rater(served: Served) -> None:
    client = served.browser()
    for value in ("x" * 43, "1", "", "' OR 1=1 --"):
        client.cookies.set(served.service.rater_cookie, value)
        assert client.get("/api/item").status_code == 401


def test_the_token_is_no_session_and_the_session_no_token(served: Served) -> None:
    token = served.invite()
    client = served.browser()
    client.cookies.set(served.service.rater_cookie, token)
    assert client.get("/api/item").status_code == 401
    rater = served.enter()
    credential = rater.client.cookies[served.service.rater_cookie]
    assert served.browser().post(f"/enter/{credential}", json={}).json()["error"] == "unknown"


# administrators


def admin_routes_of(served: Served) -> list[str]:
    """Every address under /admin but the log-in itself."""
    paths = [route.path for route in own_routes(served.service) if isinstance(route, Route)]
    found = [
        path for path in paths if path.startswith("/admin") and path not in {"/admin/login", "/admin/logout"}
    ]
    assert found
    return [path.replace("{name}", name) for path in found for name in ("csv", "events", "../secret.key")]


def test_every_route_of_administrators_refuses_everyone_else(served: Served) -> None:
    rater = served.enter()
    forged = served.browser()
    forged.cookies.set(served.service.admin_cookie, f"{int(served.clock.seconds()) + 9999}.{'0' * 64}")
    named = served.browser()
    named.cookies.set(served.service.admin_cookie, f"{int(served.clock.seconds()) + 9999}.x.{'0' * 64}")
    as_rater = served.browser()
    as_rater.cookies.set(served.service.admin_cookie, rater.client.cookies[served.service.rater_cookie])
    for client in (served.browser(), rater.client, forged, named, as_rater):
        for path in admin_routes_of(served):
            reply = client.get(path)
            assert reply.status_code in {403, 404}, path
            assert "imagen" not in reply.text


@pytest.mark.parametrize(
    "value", ["", "x", "1.", ".", "9" * 30 + ".x", "-1.x", "²³.x", "1.é", "1.x.é", "1..", "1.x.y.z"]
)
def test_odd_admin_cookies_open_nothing(served: Served, value: str) -> None:
    from human_eval_app.web.admin_session import is_admin_cookie

    assert not is_admin_cookie(served.service, value)


def test_the_admin_token_opens_and_its_cookie_lapses(served: Served) -> None:
    administrator = served.administrator()
    assert administrator.get("/admin/export/csv").status_code == 200
    served.clock.wait(12 * 3600 + 1)
    assert administrator.get("/admin/export/csv").status_code == 403


def test_a_copied_cookie_is_refused_after_the_log_out(served: Served) -> None:
    administrator, other, thief = served.administrator(), served.administrator(), served.browser()
    copied = administrator.cookies[served.service.admin_cookie]
    thief.cookies.set(served.service.admin_cookie, copied)
    assert thief.get("/admin/export/csv").status_code == 200
    assert administrator.post("/admin/logout", json={}).status_code == 303
    for client in (administrator, thief):
        assert client.get("/admin/export/csv").status_code == 403
    assert other.get("/admin/export/csv").status_code == 200, "another session goes on"
    assert thief.post("/admin/logout", json={}).status_code == 303
    kinds = [event.kind for event in served.service.store.events()]
    assert kinds.count("log_out") == 1
    assert not any(copied.split(".")[1] in str(event) for event in served.service.store.events())


def test_a_new_admin_token_ends_the_old_one_and_its_sessions(served: Served) -> None:
    administrator = served.administrator()
    token = renew_admin_token(served.service.study)
    assert administrator.get("/admin/export/csv").status_code == 403
    client = served.browser()
    assert client.post("/admin/login", json={"token": ADMIN_TOKEN}).status_code == 403
    assert client.post("/admin/login", json={"token": token}).status_code == 303
    assert client.get("/admin/export/csv").status_code == 200
    kept = served.service.study.folder / "admin.hash"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_wrong_admin_token_is_refused_and_slowed_down(served: Served) -> None:
    client = served.browser()
    for _ in range(20):
        assert client.post("/admin/login", json={"token": "wrong"}).status_code == 403
    assert client.post("/admin/login", json={"token": ADMIN_TOKEN}).status_code == 429


def test_an_administrator_is_no_rater(served: Served) -> None:
    assert served.administrator().get("/api/item").status_code == 401


# other raters' things


def test_another_raters_page_is_refused(served: Served) -> None:
    ann, bob = served.enter(), served.enter()
    hers, his = ann.practise(), bob.practise()
    ann.look(hers)
    for path, more in (
        ("/api/rate", {"revision": 1, "answers": {"quality": "left", "text": "left"}, "shown_ms": 2000}),
        ("/api/skip", {"reason": ""}),
        ("/api/flag", {"reason": "mine now"}),
    ):
        reply = bob.client.post(path, json={"presentation": hers["presentation"], **more})
        assert (reply.status_code, reply.json()["error"]) == (403, "not_yours"), path
    assert ann.item() == hers
    assert bob.item() == his
    assert len(served.service.store.ratings()) == 2 * 2  # the two practices, two questions each


def test_another_raters_answers_are_nowhere_to_be_read(served: Served) -> None:
    ann, bob = served.enter(), served.enter()
    hers = ann.practise()
    ann.rate(hers, choice=2)
    bob.practise()
    told = bob.client.get("/api/item").text + bob.client.get("/api/state").text
    assert hers["presentation"] not in told
    assert bob.item()["answers"] == {}


def test_markup_in_captions_stays_text(tmp_path: Path) -> None:
    from dataclasses import replace

    markup = "<img src=x onerror=alert(1)> **bold** $x$ {caption} </script>"
    design = small_design()
    design = replace(
        design,
        title="<b>Title</b>",
        items=tuple(replace(item, caption=markup) for item in design.items),
    )
    served = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"), design)
    rater = served.enter()
    item = rater.item()
    assert item["caption"] == markup
    assert item["questions"][1]["text"].endswith(f"{markup}?")
    reply = rater.client.get("/api/item")
    assert reply.headers["content-type"] == "application/json"
    page = served.browser().get(f"/enter/{'x' * 43}").text
    assert "<b>Title" not in page
    assert "&lt;b&gt;Title" in page


def test_headers_used_by_these_tests_are_the_right_ones(served: Served) -> None:
    assert HEADERS["Origin"] == ORIGIN
    assert Site().allows_origin(ORIGIN, "127.0.0.1")
    assert served.enter().item()
