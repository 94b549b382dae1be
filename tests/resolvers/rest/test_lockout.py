import httpx
import pytest

from domain.kernel.clock import ManualClock
from tests.accounts import ADA

LOGINS = ["/api/v1/auth/login", "/v1/auth/login"]


@pytest.mark.parametrize("path", LOGINS)
@pytest.mark.parametrize("email", [ADA["email"], "nobody@example.com"])
async def test_sixth_attempt_answers_429_with_retry_after(client: httpx.AsyncClient, clock: ManualClock, path: str, email: str) -> None:
    await client.post("/api/v1/auth/register", json=ADA)
    for _ in range(5):
        assert (await client.post(path, json={"email": email, "password": "wrong password"})).status_code == 401
    clock.advance(seconds=30)
    answer = await client.post(path, json={"email": email, "password": ADA["password"]})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "870")
    if path.startswith("/api/v1"):
        assert answer.json() == {"detail": "Too many failed attempts; try again later"}
    else:
        error = answer.json()["error"]
        assert (error["code"], error["details"]["retry_after"]) == ("TOO_MANY_ATTEMPTS", 870)


async def test_doors_count_together(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/auth/register", json=ADA)
    for number in range(5):
        answer = await client.post(LOGINS[number % 2], json={"email": ADA["email"], "password": "wrong password"})
        assert answer.status_code == 401
    for path in LOGINS:
        assert (await client.post(path, json={"email": ADA["email"], "password": ADA["password"]})).status_code == 429
