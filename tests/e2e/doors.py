"""One account of a running server through its request doors: two REST dialects and GraphQL, numbers kept exact."""

import json
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

PASSWORD = "correct horse battery staple"
LOG_IN = "mutation LogIn($email: String!, $password: String!) { logIn(email: $email, password: $password) { accessToken refreshToken } }"


class Doors:
    """What one person can reach; `token` goes with every request."""

    def __init__(self, url: str, email: str) -> None:
        self.url, self.email, self.token = url, email, ""
        self._http = httpx.AsyncClient(base_url=url, timeout=20)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request whose body is JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.token}"} if self.token else {}), **headers}
        return await self._http.request(method, path, content=content, headers=sent)

    async def api_v1(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the answer of a route that succeeds."""
        return answer_of(await self.send(method, f"/api/v1{path}", body, **headers))

    async def v1(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the answer of a route that succeeds."""
        return answer_of(await self.send(method, f"/v1{path}", body, **headers))

    async def graphql(self, query: str, **variables: Any) -> Any:
        """Return the data of an operation that has no errors."""
        answer = answer_of(await self.send("POST", "/graphql", {"query": query, "variables": variables}))
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def register(self) -> None:
        person = {"email": self.email, "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace"}
        await self.api_v1("POST", "/auth/register", person)

    async def log_in(self) -> None:
        """Log in over `/v1` and keep the token."""
        self.token = (await self.v1("POST", "/auth/login", {"email": self.email, "password": PASSWORD}))["access_token"]


def answer_of(response: httpx.Response) -> Any:
    """Return the body with its numbers as they were sent; None for an empty one."""
    assert response.is_success, f"{response.status_code} {response.text}"
    return json.loads(response.text, parse_float=Decimal) if response.content else None


def exactly(number: Any) -> Decimal | None:
    """Return a number of any door: a decimal string of GraphQL, a JSON number of REST."""
    return None if number is None else Decimal(str(number))
