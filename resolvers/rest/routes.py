"""All REST routes of the server: both dialects, their API documents, and the pages outside of them."""

from functools import cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from domain.kernel.clock import to_wire
from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.endpoint import RuntimeGetter, json_response, routes_of
from resolvers.rest.inputs import JSON_TYPE
from resolvers.rest.openapi import openapi
from resolvers.rest.reference import reference_page
from resolvers.rest.v1 import V1_ROWS
from schema.rest.dialects import API_V1, V1
from schema.rest.rendering import to_json

APP = "Tradewind"
VERSION = "0.1.0"


def rest_routes(runtime: RuntimeGetter) -> list[BaseRoute]:
    """Return the routes; `runtime` is asked at each request, since the server composes it only when it starts.

    Mount other routes under /api/v1 or /v1 before these: the last two answer every path of their dialect.
    """

    async def root(_request: Request) -> Response:
        return json_response({"app": APP, "version": VERSION, "status": "running"})

    async def health(_request: Request) -> Response:
        return json_response({"status": "healthy", "app": APP, "version": VERSION, "timestamp": to_wire(runtime().clock.now())})

    return [
        Route("/", root),
        Route("/health", health),
        Route(API_V1.openapi_path, _api_v1_document),
        Route(V1.openapi_path, _v1_document),
        *(Route(path, _api_v1_reference) for path in ("/api/docs", "/api/redoc")),
        *routes_of(API_V1_ROWS, API_V1, runtime),
        *routes_of(V1_ROWS, V1, runtime),
    ]


async def outside_refusal(_request: Request, error: Exception) -> Response:
    """Answer what no door answers, an unknown path or method outside of both dialects, in the envelope of `/api/v1`."""
    if not isinstance(error, HTTPException):
        raise error
    return json_response({"detail": error.detail}, error.status_code, error.headers)


@cache
def _api_v1_text() -> bytes:
    return to_json(openapi(API_V1, API_V1_ROWS, VERSION))


@cache
def _api_v1_page() -> str:
    return reference_page(openapi(API_V1, API_V1_ROWS, VERSION), API_V1.openapi_path)


@cache
def _v1_text() -> bytes:
    return to_json(openapi(V1, V1_ROWS, VERSION))


async def _api_v1_document(_request: Request) -> Response:
    return Response(_api_v1_text(), media_type=JSON_TYPE)


async def _v1_document(_request: Request) -> Response:
    return Response(_v1_text(), media_type=JSON_TYPE)


async def _api_v1_reference(_request: Request) -> Response:
    return HTMLResponse(_api_v1_page())
