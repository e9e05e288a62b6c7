"""Files for the browser: named by their content, kept for ever, compressed; and every page names them right."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.web.edge import assets
from app.web.edge.assets import FOR_EVER, static_url, vendor_url

PAGES = ("/pools/digits/label", "/pools/digits/people", "/oracle", "/docs")


@pytest.mark.parametrize("path", PAGES)
def test_every_file_that_a_page_names_is_there_and_kept_for_ever(client: TestClient, path: str) -> None:
    named = re.findall(r'(?:href|src)="(/(?:static|vendor)/[^"]+)"', client.get(path).text)

    assert len(named) >= 2
    for address in set(named):
        file = client.get(address)
        assert (file.status_code, file.headers["cache-control"]) == (200, FOR_EVER)


def test_a_file_comes_compressed_where_the_browser_takes_that(client: TestClient) -> None:
    address = f"{vendor_url('bokeh')}/bokeh.min.js"
    small = client.get(address, headers={"accept-encoding": "gzip"})
    plain = client.get(address, headers={"accept-encoding": "identity"})

    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.content == plain.content
    assert "accept-encoding" in small.headers["vary"].lower()


@pytest.mark.parametrize("address", ["/static/style.css", "/static/0123456789ab/style.css", f"{static_url()}/no.css"])
def test_what_is_not_there_is_not_kept(client: TestClient, address: str) -> None:
    missing = client.get(address)

    assert missing.status_code == 404
    assert missing.headers["cache-control"] == "no-store"


def test_another_content_has_another_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    addresses = set()
    for name, content in (("a.js", "1"), ("a.js", "2"), ("b.js", "2"), ("a.js", "1")):
        (tmp_path / name).write_text(content)
        static_url.cache_clear()
        addresses.add(static_url())
    static_url.cache_clear()

    assert len(addresses) == 4


def test_a_file_outside_is_not_served(client: TestClient) -> None:
    assert client.get(f"{static_url()}/..%2fpyproject.toml").status_code == 404
    assert client.get(f"{static_url()}/%2e%2e/pyproject.toml").status_code == 404
