"""One order, asked for twenty times at once over two doors, while the exchange hangs up and a worker dies."""

import asyncio
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import redis

from tests.conftest import REDIS, need_service
from tests.domain.exchanges.wire.binance import BinanceServer
from tests.domain.exchanges.wire.floor import Floor
from tests.domain.exchanges.wire.server import Trouble
from tests.e2e.conftest import QUICK
from tests.e2e.server_process import ServerProcess, WorkerProcess
from tests.e2e.test_exchange_wallet import ADA, ROOT, Person, log_in, wallet_on

CREATE = """mutation ($input: OrderInput!) {
  createOrder(input: $input) { id clientOrderId status filledQuantity venueOrderId totalFees positionId }
}"""


async def over_rest(ada: Person, wallet_id: str) -> tuple[Any, ...]:
    order = await ada.ask(
        "POST",
        "/orders",
        {"symbol": "BTC/USDT", "side": "buy", "quantity": 0.1, "client_order_id": "once", "user_wallet_id": wallet_id},
        status=201,
    )
    numbers = Decimal(str(order["filled_amount"])), Decimal(str(order["total_fees"]))
    return order["id"], order["client_order_id"], order["status"], order["external_order_id"], order["position_id"], *numbers


async def over_graphql(http: httpx.AsyncClient, headers: dict[str, str], wallet_id: str) -> tuple[Any, ...]:
    wish = {"symbol": "BTC/USDT", "side": "BUY", "quantity": "0.1", "clientOrderId": "once", "walletId": wallet_id}
    answer = await http.post("/graphql", json={"query": CREATE, "variables": {"input": wish}}, headers=headers)
    order = answer.json()["data"]["createOrder"]
    numbers = Decimal(order["filledQuantity"]), Decimal(order["totalFees"])
    return order["id"], order["clientOrderId"], order["status"].lower(), order["venueOrderId"], order["positionId"], *numbers


async def test_twenty_retries_are_one_order_and_twenty_equal_answers(tmp_path: Path, postgres_database: str) -> None:
    need_service("Redis", REDIS)
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    binance = BinanceServer(Floor())
    binance.floor.balances["USDT"] *= 10
    address = await binance.start()
    shape = {"DATABASE_URL": postgres_database, "REDIS_URL": REDIS, "REDIS_PREFIX": prefix, "VENUE_ALLOW_PRIVATE": "127.0.0.1", **QUICK}
    server = ServerProcess(tmp_path, ADMIN_EMAIL=ROOT["email"], ADMIN_PASSWORD=ROOT["password"], **shape)
    worker = WorkerProcess(tmp_path, **shape)
    try:
        await asyncio.gather(asyncio.to_thread(server.start), asyncio.to_thread(worker.start))
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            (await http.post("/api/v1/auth/register", json=ADA)).raise_for_status()
            ada = await log_in(http, ADA)
            wallet_id = await wallet_on(binance, address, await log_in(http, ROOT), ada)
            binance.trouble("place", Trouble.DROP_AFTER, first=worker.kill)
            asked = [over_rest(ada, wallet_id) if number % 2 else over_graphql(http, ada.headers, wallet_id) for number in range(20)]
            answers = await asyncio.gather(*asked)
            await asyncio.to_thread(worker.start)
            again = await over_rest(ada, wallet_id)
            fills = (await ada.ask("GET", f"/orders/{again[0]}"))["fills"]
    finally:
        worker.stop()
        server.stop()
        await binance.stop()
        with redis.Redis.from_url(REDIS) as client:
            if keys := list(client.scan_iter(f"{prefix}*")):
                client.delete(*keys)
    assert len(binance.floor.orders) == binance.count("place") == len(fills) == 1
    assert {*answers, again} == {answers[0]} and answers[0][2] == "filled"
