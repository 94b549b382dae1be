"""The GraphiQL page: who gets it, what it may load, and how its files are served."""

import base64
import gzip
import json
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from resolvers.graphiql_page import SOURCE, graphiql_response, graphiql_routes, wants_graphiql

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "graphiql-AAAA.js").write_bytes(SCRIPT)
    (folder / "graphiql-AAAA.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "graphiql-BBBB.css").write_text("body { margin: 0 }")
    (folder / "codicon-CCCC.ttf").write_bytes(b"\x00\x01\x00\x00")
    (folder / "manifest.json").write_text(json.dumps({"script": "graphiql-AAAA.js", "style": "graphiql-BBBB.css"}))
    (tmp_path / "secret.js").write_text("secret")
    return folder


def client_of(dist: Path, prefix: str = "") -> httpx.AsyncClient:
    async def graphql(request: Request) -> Response:
        return graphiql_response(request, dist=dist) if wants_graphiql(request) else JSONResponse({"data": {}})

    routes = [Route("/graphql", graphql, methods=["GET", "HEAD", "POST"]), *graphiql_routes(dist=dist)]
    app = Starlette(routes=[Mount(prefix, routes=routes)] if prefix else routes)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tradewind")


@pytest.fixture
def client(dist: Path) -> httpx.AsyncClient:
    return client_of(dist)


@pytest.fixture
def client_without_bundle(tmp_path: Path) -> httpx.AsyncClient:
    return client_of(tmp_path / "never-built")


def policy_of(response: httpx.Response) -> dict[str, list[str]]:
    directives = (directive.split() for directive in response.headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in directives}


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML ; q=0.5", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("application/graphql-response+json, application/json;q=0.9", False),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0, */*", False),
        ("text/html;q=high", False),
        ("text/event-stream", False),
    ],
)
async def test_page_is_for_those_who_ask_for_html_first(client: httpx.AsyncClient, accept: str, page: bool) -> None:
    response = await client.get("/graphql", headers={"Accept": accept})

    assert response.headers["content-type"] == ("text/html; charset=utf-8" if page else "application/json")


async def test_post_never_gets_the_page(client: httpx.AsyncClient) -> None:
    assert (await client.post("/graphql", headers={"Accept": BROWSER})).json() == {"data": {}}


async def test_linked_query_opens_the_page_and_is_not_written_into_it(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ me { id } }<script>alert(1)</script>"}, headers={"Accept": BROWSER})

    assert response.status_code == 200
    assert 'data-endpoint="/graphql"' in response.text
    assert "alert(1)" not in response.text


async def test_page_loads_from_this_server_alone(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", headers={"Accept": BROWSER})

    assert "http" not in response.text
    assert "<title>Tradewind</title>" in response.text
    assert policy_of(response) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


async def test_page_has_no_script_of_its_own(client: httpx.AsyncClient, client_without_bundle: httpx.AsyncClient) -> None:
    for each in (client, client_without_bundle):
        page = (await each.get("/graphql", headers={"Accept": BROWSER})).text

        assert re.findall(r"<script[^>]*>([^<]+)</script>", page) == []
        assert re.search(r"\son\w+=", page) is None


async def test_page_is_asked_for_anew_and_kept_apart_from_data(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/graphql", headers={"Accept": BROWSER})).headers

    assert headers["cache-control"] == "no-cache"
    assert headers["vary"] == "Accept"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_every_file_of_the_page_is_there(client: httpx.AsyncClient) -> None:
    page = (await client.get("/graphql", headers={"Accept": BROWSER})).text
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page)

    assert files == ["/graphiql/assets/graphiql-BBBB.css", "/graphiql/assets/graphiql-AAAA.js"]
    assert [(await client.get(file)).status_code for file in files] == [200, 200]


async def test_page_works_below_a_prefix(dist: Path) -> None:
    client = client_of(dist, prefix="/trading")

    page = (await client.get("/trading/graphql", headers={"Accept": BROWSER})).text

    assert 'data-endpoint="/trading/graphql"' in page
    assert 'data-login="/trading/api/v1/auth/login"' in page
    assert (await client.get("/trading/graphiql/assets/graphiql-AAAA.js")).status_code == 200


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("graphiql-AAAA.js", "text/javascript; charset=utf-8"),
        ("graphiql-BBBB.css", "text/css; charset=utf-8"),
        ("codicon-CCCC.ttf", "font/ttf"),
    ],
)
async def test_assets_are_typed_and_kept_for_good(client: httpx.AsyncClient, file: str, content_type: str) -> None:
    response = await client.get(f"/graphiql/assets/{file}", headers={"Accept-Encoding": "identity"})

    assert response.headers["content-type"] == content_type
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert policy_of(response)["script-src"] == ["'self'"]


async def test_gzip_twin_goes_to_those_who_take_it(client: httpx.AsyncClient) -> None:
    packed = await client.get("/graphiql/assets/graphiql-AAAA.js", headers={"Accept-Encoding": "gzip, br"})
    plain = await client.get("/graphiql/assets/graphiql-AAAA.js", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.content == plain.content == SCRIPT


async def test_unchanged_asset_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = (await client.get("/graphiql/assets/graphiql-BBBB.css")).headers["etag"]

    response = await client.get("/graphiql/assets/graphiql-BBBB.css", headers={"If-None-Match": etag})

    assert (response.status_code, response.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.js",
        "..%2fsecret.js",
        "%2e%2e/secret.js",
        "%2e%2e%2fsecret.js",
        "..%5csecret.js",
        "x/../../secret.js",
        "%2fetc/passwd",
        "/etc/passwd",
        "",
        "absent.js",
    ],
)
async def test_nothing_outside_the_folder_is_served(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(f"/graphiql/assets/{path}")

    assert response.status_code == 404
    assert "immutable" not in response.headers.get("cache-control", "")


async def test_link_out_of_the_folder_is_not_followed(client: httpx.AsyncClient, dist: Path) -> None:
    (dist / "link.js").symlink_to(dist.parent / "secret.js")

    assert (await client.get("/graphiql/assets/link.js")).status_code == 404


async def test_assets_cannot_be_written(client: httpx.AsyncClient) -> None:
    assert (await client.post("/graphiql/assets/graphiql-AAAA.js")).status_code == 405


async def test_without_a_bundle_the_page_says_that_it_uses_the_cdn(client_without_bundle: httpx.AsyncClient) -> None:
    page = (await client_without_bundle.get("/graphql", headers={"Accept": BROWSER})).text

    assert "This server has no GraphiQL bundle of its own, so this page loads GraphiQL from unpkg.com." in page


async def test_without_a_bundle_exactly_the_files_of_the_cdn_are_allowed(client_without_bundle: httpx.AsyncClient) -> None:
    response = await client_without_bundle.get("/graphql", headers={"Accept": BROWSER})
    policy = policy_of(response)
    scripts = re.findall(r'<script defer src="(https://[^"]+)" integrity="sha384-([^"]+)" crossorigin="anonymous">', response.text)
    styles = re.findall(r'<link rel="stylesheet" href="(https://[^"]+)" integrity="sha384-([^"]+)" crossorigin="anonymous">', response.text)

    assert policy["script-src"] == ["'self'", *(address for address, _ in scripts)]
    assert policy["style-src"] == ["'self'", "'unsafe-inline'", *(address for address, _ in styles)]
    assert policy["connect-src"] == ["'self'"]
    assert response.text.count("https://") == len(scripts) + len(styles) == 5
    assert all(re.search(r"@\d+\.\d+\.\d+/", address) for address, _ in scripts + styles)
    assert {len(base64.b64decode(digest)) for _, digest in scripts + styles} == {48}


async def test_without_a_bundle_our_own_modules_come_from_the_sources(client_without_bundle: httpx.AsyncClient) -> None:
    page = (await client_without_bundle.get("/graphql", headers={"Accept": BROWSER})).text
    modules = re.findall(r'(?:src|href)="(/graphiql/source/[^"]+)"', page)
    imported = re.findall(r"from '\./([\w.]+)'", "".join((SOURCE / name).read_text() for name in ("cdn.js", "page.js")))

    assert modules == ["/graphiql/source/page.css", "/graphiql/source/cdn.js"]
    for path in [*modules, *(f"/graphiql/source/{name}" for name in imported), "/graphiql/source/examples.graphql"]:
        response = await client_without_bundle.get(path)
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-cache"), path


async def test_bundle_that_is_built_later_is_used_at_once(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    client = client_of(dist)
    assert "unpkg.com" in (await client.get("/graphql", headers={"Accept": BROWSER})).text

    dist.mkdir()
    (dist / "graphiql-DDDD.js").write_bytes(SCRIPT)
    (dist / "manifest.json").write_text(json.dumps({"script": "graphiql-DDDD.js", "style": "none.css"}))

    assert "unpkg.com" not in (await client.get("/graphql", headers={"Accept": BROWSER})).text
    assert (await client.get("/graphiql/assets/graphiql-DDDD.js")).content == SCRIPT


def test_locks_name_no_registry() -> None:
    root = SOURCE.parents[2]
    for lock in (SOURCE.parent / "package-lock.json", root / "tests" / "browser" / "package-lock.json"):
        packages = json.loads(lock.read_text())["packages"]
        assert [name for name, package in packages.items() if "resolved" in package] == [], lock
        assert all("integrity" in package for name, package in packages.items() if name), lock
