"""Serve GraphiQL at the GraphQL address: the bundle built at set-up, or the same page from GraphiQL's CDN."""

import json
from collections.abc import Mapping
from html import escape
from os import PathLike, stat_result
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

SOURCE = Path(__file__).parent / "graphiql" / "src"
DIST = Path(__file__).parent / "graphiql" / "dist"

_LOGIN = "/api/v1/auth/login"
_REFRESH = "/api/v1/auth/refresh"
_LOGOUT = "/v1/auth/logout"  # /api/v1 has no such route; the tokens are the same

# The last versions that exist as plain scripts. The hashes make the browser refuse anything but these very files.
_CDN = "https://unpkg.com/"
_CDN_STYLE = (
    "graphiql@4.1.2/graphiql.min.css",
    "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
)
_CDN_SCRIPTS = (
    ("react@18.3.1/umd/react.production.min.js", "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z"),
    ("react-dom@18.3.1/umd/react-dom.production.min.js", "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1"),
    ("graphql-ws@6.4.2/umd/graphql-ws.min.js", "sha384-mxvR4Mzbsb6QVx/9xI2gtQikQA6m8zMDBFnu3l//4/ROsWt7y2sUGWd+/tYQqDm7"),
    ("graphiql@4.1.2/graphiql.min.js", "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B"),
)

_CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".graphql": "text/plain; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".ttf": "font/ttf",
}


def _policy(scripts: str = "", styles: str = "") -> str:
    # inline styles: the editors set them; form-action: a login form without its script must not send the password anywhere
    return (
        f"default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'{styles}; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_POLICY = _policy()
_CDN_POLICY = _policy("".join(f" {_CDN}{path}" for path, _ in _CDN_SCRIPTS), f" {_CDN}{_CDN_STYLE[0]}")


def wants_graphiql(request: Request) -> bool:
    """Tell whether this is a browser opening the GraphQL address as a page, and not a client asking for data.

    A link with `?query=` opens the page too, which shows the query without running it.
    """
    if request.method not in {"GET", "HEAD"}:
        return False
    accepted = _accepted(request.headers.get("accept", ""))
    html = accepted.get("text/html", 0.0)
    return html > 0 and html >= max(accepted.get(kind, 0.0) for kind in ("application/graphql-response+json", "application/json"))


def graphiql_response(request: Request, *, dist: Path = DIST) -> HTMLResponse:
    """Return the page; its operations go to the address of this request."""
    root = request.scope.get("root_path", "")
    bundle = _bundle(dist)
    if bundle is None:
        head, notice, policy = _cdn_head(root), _CDN_NOTICE, _CDN_POLICY
    else:
        head, notice, policy = _bundle_head(root, bundle), "", _POLICY
    addresses = {"endpoint": request.url.path, "login": root + _LOGIN, "refresh": root + _REFRESH, "logout": root + _LOGOUT}
    data = " ".join(f'data-{name}="{escape(address)}"' for name, address in addresses.items())
    headers = _security_headers(policy) | {"Cache-Control": "no-cache", "Vary": "Accept"}
    return HTMLResponse(_PAGE.format(head=head, notice=notice, data=data), headers=headers)


def graphiql_routes(*, dist: Path = DIST) -> list[Mount]:
    """Return the routes of the files that the page loads: the bundle, and the sources that the page from the CDN uses."""
    return [
        Mount("/graphiql/assets", _PageFiles(dist, "public, max-age=31536000, immutable"), name="graphiql-assets"),
        Mount("/graphiql/source", _PageFiles(SOURCE, "no-cache"), name="graphiql-source"),
    ]


class _PageFiles(StaticFiles):
    # Content types of our own, since the machine's table of them may lack some, and the gzip twin where there is one.

    def __init__(self, directory: Path, cache_control: str) -> None:
        super().__init__(directory=directory, check_dir=False)
        self.cache_control = cache_control

    def file_response(self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200) -> Response:
        path = Path(full_path)
        content_type = _CONTENT_TYPES.get(path.suffix, "text/plain; charset=utf-8")
        twin = path.with_name(path.name + ".gz")
        encoded = "gzip" in Headers(scope=scope).get("accept-encoding", "") and twin.is_file()
        response = (
            super().file_response(twin, twin.stat(), scope, status_code)
            if encoded
            else super().file_response(path, stat_result, scope, status_code)
        )
        if isinstance(response, FileResponse):
            response.headers["Content-Type"] = content_type
            if encoded:
                response.headers["Content-Encoding"] = "gzip"
        response.headers.update(_security_headers(_POLICY) | {"Cache-Control": self.cache_control, "Vary": "Accept-Encoding"})
        return response


def _security_headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",  # the address may hold a query
        "X-Content-Type-Options": "nosniff",
    }


def _accepted(header: str) -> dict[str, float]:
    weights = {}
    for part in header.split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            weights[kind] = float(quality)
        except ValueError:
            weights[kind] = 0.0
    return weights


def _bundle(dist: Path) -> dict[str, str] | None:
    # read at every request: a bundle that is built while the server runs is used at once
    try:
        manifest: dict[str, str] = json.loads((dist / "manifest.json").read_text())
    except FileNotFoundError:
        return None
    return manifest


def _bundle_head(root: str, bundle: Mapping[str, str]) -> str:
    assets = f"{escape(root)}/graphiql/assets"
    return (
        f'<link rel="stylesheet" href="{assets}/{escape(bundle["style"])}">\n'
        f'<script type="module" src="{assets}/{escape(bundle["script"])}"></script>'
    )


def _cdn_head(root: str) -> str:
    source = f"{escape(root)}/graphiql/source"
    path, integrity = _CDN_STYLE
    lines = [f'<link rel="stylesheet" href="{_CDN}{path}" integrity="{integrity}" crossorigin="anonymous">']
    lines += [f'<link rel="stylesheet" href="{source}/page.css">']
    lines += [
        f'<script defer src="{_CDN}{path}" integrity="{integrity}" crossorigin="anonymous"></script>' for path, integrity in _CDN_SCRIPTS
    ]
    lines += [f'<script type="module" src="{source}/cdn.js"></script>']
    return "\n".join(lines)


_CDN_NOTICE = (
    '<p class="notice">This server has no GraphiQL bundle of its own, so this page loads GraphiQL from unpkg.com. '
    "To do without: install Node 20 or newer and run <code>make graphiql</code>.</p>"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Tradewind</title>
<link rel="icon" href="data:,">
{head}
</head>
<body>
<header class="bar">
<h1>Tradewind</h1>
<p id="session-problem" role="alert"></p>
<form id="session-login" method="post" hidden>
<label>E-mail <input name="email" type="email" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button name="submit">Log in</button>
</form>
<div id="session-who" hidden>
<span>Logged in as <strong id="session-email"></strong></span>
<button id="session-logout" type="button">Log out</button>
</div>
</header>
{notice}
<noscript><p class="notice">GraphiQL needs JavaScript. The GraphQL API itself answers at this address.</p></noscript>
<main id="graphiql" {data}></main>
</body>
</html>
"""
