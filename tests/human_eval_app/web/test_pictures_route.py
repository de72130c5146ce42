"""Pictures: who gets them, and that they are the registered bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from served_studies import Served, serve_study

from human_eval_app.web.item_json import ADDRESS_SECONDS


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return serve_study(tmp_path / "study", str(tmp_path / "ratings.db"))


def addresses(item: dict[str, Any]) -> list[str]:
    return [picture["url"] for side in item["sides"] for picture in side["pictures"]]


def test_bytes_are_the_registered_ones(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    registered = served.service.study.design.picture_by_id
    for side in item["sides"]:
        for picture in side["pictures"]:
            reply = rater.client.get(picture["url"])
            assert reply.status_code == 200
            assert hashlib.sha256(reply.content).hexdigest() == registered[picture["id"]].sha256
            assert reply.headers["content-type"] == "image/png"
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["cache-control"].startswith("private, ")
            assert "immutable" in reply.headers["cache-control"]
            assert not {"etag", "last-modified"} & set(
                reply.headers
            )  # a file's time would tell when it was made


def test_an_address_is_bound_to_its_rater(served: Served) -> None:
    ann, bob = served.enter(), served.enter()
    mine = addresses(ann.practise())
    bob.practise()
    for address in mine:
        assert bob.client.get(address).status_code == 403
        assert served.browser().get(address).status_code == 403
        assert served.administrator().get(address).status_code == 403
        assert ann.client.get(address).status_code == 200


def test_every_part_of_an_address_is_signed(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    address = addresses(item)[0]
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    _, _, presentation, picture = parts.path.split("/")
    other = addresses(item)[1].split("/")[3].split("?")[0]
    later = str(int(query["e"]) + 3600)
    broken = ("0" if query["s"][0] != "0" else "1") + query["s"][1:]
    for changed in (
        f"/img/{presentation}/{other}?e={query['e']}&s={query['s']}",
        f"/img/{'0' * 32}/{picture}?e={query['e']}&s={query['s']}",
        f"/img/{presentation}/{picture}?e={later}&s={query['s']}",
        f"/img/{presentation}/{picture}?e={query['e']}&s={broken}",
        f"/img/{presentation}/{picture}?e={query['e']}",
        f"/img/{presentation}/{picture}?s={query['s']}",
        f"/img/{presentation}/{picture}",
        f"/img/{presentation}/{picture}?e=x&s=%00",
    ):
        assert rater.client.get(changed).status_code == 403, changed
    assert rater.client.get(address).status_code == 200


def test_an_address_lapses(served: Served) -> None:
    rater = served.enter()
    address = addresses(rater.practise())[0]
    served.clock.wait(ADDRESS_SECONDS - 1)
    assert rater.client.get(address).status_code == 200
    served.clock.wait(ADDRESS_SECONDS + 1)
    assert rater.client.get(address).status_code == 403
    assert rater.client.get(addresses(rater.item())[0]).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/img/../secret.key",
        "/img/a/../../secret.key",
        "/img/a/..%2f..%2fsecret.key?e=1&s=1",
        "/img/%2e%2e/secret.key?e=9999999999&s=00",
        "/img/a/..%5c..%5csecret.key?e=1&s=1",
        "/img//etc/passwd",
        "/img/a/%2fetc%2fpasswd?e=9999999999&s=00",
        "/img/a/b%00.png?e=9999999999&s=00",
        "/pane/x/../../secret.key",
        "/pane/x/..%2f..%2fapp.py",
    ],
)
def test_traversal_reaches_nothing(served: Served, path: str) -> None:
    rater = served.enter()
    reply = rater.client.get(path)
    assert reply.status_code in {400, 403, 404}
    assert served.service.study.secret not in reply.content


def test_other_bytes_than_the_registered_are_never_sent(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    picture = item["sides"][0]["pictures"][0]
    path = served.service.study.picture_path(picture["id"])
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    reply = rater.client.get(picture["url"])
    assert reply.status_code == 500
    assert str(path) not in reply.text
    served.clock.wait(5)
    assert rater.answer(item).json()["error"] == "not_shown"
    path.unlink()
    assert rater.client.get(picture["url"]).status_code == 500
