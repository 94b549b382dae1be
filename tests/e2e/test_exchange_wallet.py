"""A wallet on a real exchange, from the definition to the position, through a server of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.domain.exchanges.wire.binance import KEY, SECRET, BinanceServer
from tests.domain.exchanges.wire.floor import Floor
from tests.e2e.conftest import QUICK
from tests.e2e.server_process import ServerProcess

ROOT = {"email": "root@example.com", "password": "correct horse battery staple"}
ADA = {"email": "ada@example.com", "password": "correct horse battery staple", "first_name": "Ada", "last_name": "Lovelace"}


class Person:
    """Somebody at `/api/v1`."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http, self.headers = http, {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self._http.request(method, f"/api/v1{path}", json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        assert SECRET not in answer.text and KEY not in answer.text
        return answer.json() if answer.content else None


async def log_in(http: httpx.AsyncClient, who: dict[str, str]) -> Person:
    answer = await http.post("/api/v1/auth/login", json={"email": who["email"], "password": who["password"]})
    return Person(http, answer.raise_for_status().json()["access_token"])


@pytest.fixture
async def exchange() -> AsyncIterator[tuple[BinanceServer, str]]:
    server = BinanceServer(Floor())
    server.floor.balances["USDT"] = server.floor.balances["USDT"] * 10
    address = await server.start()
    yield server, address
    await server.stop()


async def test_an_order_on_a_wallet_of_binance_goes_to_binance(tmp_path: Path, exchange: tuple[BinanceServer, str]) -> None:
    binance, address = exchange
    admin = {"ADMIN_EMAIL": ROOT["email"], "ADMIN_PASSWORD": ROOT["password"]}
    server = ServerProcess(tmp_path, VENUE_ALLOW_PRIVATE="127.0.0.1", **admin, **QUICK)
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            (await http.post("/api/v1/auth/register", json=ADA)).raise_for_status()
            await tell_the_story(await log_in(http, ROOT), await log_in(http, ADA), binance, address)
    finally:
        server.stop()
    assert SECRET not in server.log() and KEY not in server.log()


async def wallet_on(binance: BinanceServer, address: str, root: Person, ada: Person) -> str:
    """Lead the definition to this server, and return the id of Ada's wallet there, synced."""
    price = (await ada.ask("GET", "/market/price/BTCUSDT"))["price"]
    binance.floor.offer((str(price), "1000"))
    binance.floor.bid((str(price - 1), "1000"))
    await root.ask("PATCH", "/wallets/definitions/binance", {"api_config": {"base_url": address}})

    kept = {"name": "Binance API", "wallet_slug": "binance", "api_key": KEY, "api_secret": SECRET, "additional_config": {}}
    credentials = await ada.ask("POST", "/wallets/credentials", kept, status=201)
    assert (await ada.ask("POST", f"/wallets/credentials/{credentials['id']}/test"))["is_connected"]
    wallet = await ada.ask(
        "POST", "/user-wallets", {"wallet_slug": "binance", "credentials_id": credentials["id"], "nickname": "My Binance"}, status=201
    )
    at = f"/user-wallets/{wallet['id']}"
    await ada.ask("POST", f"{at}/sync-balance")
    return str(wallet["id"])


async def tell_the_story(root: Person, ada: Person, binance: BinanceServer, address: str) -> None:
    wallet_id = await wallet_on(binance, address, root, ada)
    at = f"/user-wallets/{wallet_id}"
    await ada.ask("PATCH", "/wallets/definitions/binance", {"name": "Mine"}, status=403)
    tested = await ada.ask("POST", f"{at}/test-connection")
    assert tested["success"] and tested["server_time"] and tested["latency_ms"] >= 0
    synced = await ada.ask("POST", f"{at}/sync-balance")
    assert synced["success"] and synced["changes"] == {}
    assert synced["balances"]["USDT"] == float(binance.floor.balances["USDT"])

    buy = {"symbol": "BTC/USDT", "side": "buy", "order_type": "market", "quantity": 0.1, "user_wallet_id": wallet_id}
    order = await ada.ask("POST", "/orders", buy, status=201)
    assert (order["status"], order["filled_amount"], order["user_wallet_id"]) == ("filled", 0.1, wallet_id), order
    (placed,) = binance.floor.orders
    assert str(placed.number) == order["external_order_id"] and len(order["fills"]) == 1
    position = await ada.ask("GET", f"/positions/{order['position_id']}")
    assert (position["status"], position["entry"]["quantity"]) == ("open", 0.1)
    now = await ada.ask("GET", at)
    assert (now["balance"]["BTC"], now["total_trades"], now["connection_status"]) == (float(binance.floor.balances["BTC"]), 1, "connected")
    assert now["balance"]["USDT"] == pytest.approx(float(binance.floor.balances["USDT"]))

    assert (await ada.ask("POST", f"{at}/sync-balance"))["changes"] == {}
    assert (await ada.ask("GET", f"{at}/sync-logs"))["total"] == 3
    assert "positions" in (await ada.ask("DELETE", at, status=400))["detail"]
    await ada.ask("POST", f"/positions/{order['position_id']}/close")
    credentials_id = (await ada.ask("GET", "/wallets/credentials"))["items"][0]["id"]
    await ada.ask("DELETE", at, status=204)
    await ada.ask("DELETE", f"/wallets/credentials/{credentials_id}")
    assert [one["nickname"] for one in (await ada.ask("GET", "/user-wallets"))["items"]] == ["Paper wallet"]
