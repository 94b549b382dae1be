"""Another key for all that is stored encrypted, while it is being read and written."""

import asyncio
import base64
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from domain.composition import provide_notifications, rotate_keys
from domain.notifications.models import Webhook
from domain.runtime.encryption import KeyRing
from domain.runtime.operation import Operation
from domain.runtime.rotation import BATCH
from domain.runtime.runtime import Runtime
from domain.wallets import connecting
from domain.wallets.models import Credential
from tests.audit_log import entries
from tests.builders import operation_of_new_user
from tests.databases import both_databases
from tests.domain.wallets.people import KEY, SECRETS, leave


def named(name: str, fill: int) -> str:
    return f"{name}:{base64.b64encode(bytes([fill]) * 32).decode()}"


def give_keys(runtime: Runtime, keys: str, **more: Any) -> KeyRing:
    runtime.settings = runtime.settings.model_copy(update={"encryption_keys": SecretStr(keys), **more})
    runtime.provide(KeyRing, KeyRing.of(runtime.settings))
    return runtime.use(KeyRing)


async def secrets_of(runtime: Runtime) -> dict[str, str]:
    async with runtime.operation().reading() as work:
        rows = [
            *(await work.session.execute(select(Webhook.id, Webhook.secret))),
            *(await work.session.execute(select(Credential.id, Credential.secrets))),
        ]
    return {str(id): str(sealed) for id, sealed in rows}


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    provide_notifications(runtime)
    return await operation_of_new_user(runtime)


async def hook(owner: Operation, id: str, secret: str = "whsec_x") -> None:
    async with owner.unit_of_work() as work:
        sealed = owner.use(KeyRing).seal(secret, owner.caller.id, id) if secret else ""
        work.session.add(
            Webhook(id=id, user_id=owner.caller.id, url="https://x", secret=sealed, is_active=True, failures=0, created_at=work.now)
        )


@both_databases
async def test_everything_gets_the_first_key_and_stays_readable(runtime: Runtime, ada: Operation) -> None:
    give_keys(runtime, named("k1", 1))
    for number in range(BATCH + 3):
        await hook(ada, f"hook_{number:03}")
    await hook(ada, "hook_gone", "")
    kept = await leave(ada)
    ring = give_keys(runtime, f"{named('k2', 2)},{named('k1', 1)}")
    new = await leave(ada)
    done = await rotate_keys(runtime.operation(door="command"))
    assert [(one.table, one.rotated, one.unreadable) for one in done] == [("webhooks", BATCH + 3, []), ("credentials", 1, [])]
    sealed = await secrets_of(runtime)
    assert {text.partition(".")[2].partition(".")[0] for text in sealed.values() if text} == {"k2"} and sealed["hook_gone"] == ""
    assert ring.open(sealed["hook_007"], ada.caller.id, "hook_007") == "whsec_x"
    give_keys(runtime, named("k2", 2))
    for credential in (kept, new):
        assert (await connecting.credentials_of(runtime, credential.id)).api_key == KEY
    again = await rotate_keys(runtime.operation(door="command"))
    assert [one.rotated for one in again] == [0, 0] and await secrets_of(runtime) == sealed
    found = [entry for entry in await entries(runtime) if entry.action == "encryption_key.rotate"]
    assert [entry.details["webhooks"]["rotated"] for entry in found] == [BATCH + 3, 0]


async def test_what_no_key_opens_is_named_and_left(runtime: Runtime, ada: Operation) -> None:
    give_keys(runtime, named("k1", 1))
    lost, kept = await leave(ada), await leave(ada)
    give_keys(runtime, named("k2", 2))
    await hook(ada, "hook_1")
    async with runtime.operation().unit_of_work() as work:
        await work.session.execute(update(Credential).where(Credential.id == kept.id).values(secrets="v1.k2.broken"))
    give_keys(runtime, f"{named('k3', 3)},{named('k2', 2)}")
    before = await secrets_of(runtime)
    done = await rotate_keys(runtime.operation())
    assert [(one.rotated, sorted(one.unreadable)) for one in done] == [(1, []), (0, sorted([lost.id, kept.id]))]
    after = await secrets_of(runtime)
    assert (after[lost.id], after[kept.id]) == (before[lost.id], before[kept.id])


@both_databases
async def test_servers_read_and_write_all_the_while(runtime: Runtime, ada: Operation) -> None:
    give_keys(runtime, f"{named('k1', 1)},{named('k2', 2)}")
    for number in range(2 * BATCH):
        await hook(ada, f"hook_{number:03}")
    kept = await leave(ada)
    ring = give_keys(runtime, f"{named('k2', 2)},{named('k1', 1)}")
    ended, reads = asyncio.Event(), 0

    async def read() -> None:
        nonlocal reads
        while not ended.is_set():
            assert (await connecting.credentials_of(runtime, kept.id)).secret == SECRETS["api_secret"]
            reads += 1
            await asyncio.sleep(0)

    async def write() -> None:
        # As a server does that still seals with the old key.
        old = KeyRing.of(runtime.settings.model_copy(update={"encryption_keys": SecretStr(named("k1", 1))}))
        for number in range(0, 2 * BATCH, 7):
            id = f"hook_{number:03}"
            async with runtime.operation().unit_of_work() as work:
                (await work.session.get_one(Webhook, id, with_for_update=True)).secret = old.seal("rewritten", ada.caller.id, id)

    reader, writer = asyncio.create_task(read()), asyncio.create_task(write())
    await asyncio.gather(rotate_keys(runtime.operation()), rotate_keys(runtime.operation()), writer)
    ended.set()
    await reader
    await rotate_keys(runtime.operation())
    sealed = await secrets_of(runtime)
    assert reads and all(text.startswith("v1.k2.") for text in sealed.values())
    texts = {id: ring.open(text, ada.caller.id, id) for id, text in sealed.items() if id.startswith("hook_")}
    assert texts == {id: "rewritten" if int(id[5:]) % 7 == 0 else "whsec_x" for id in texts}


def test_the_key_of_the_secret_stands_where_its_name_stands(runtime: Runtime) -> None:
    alone = give_keys(runtime, "", secret_key=SecretStr("x" * 32))
    sealed = alone.seal("text", "a")
    first = give_keys(runtime, f"SECRET_KEY, {named('k2', 2)}")
    assert first.newest == alone.newest and first.open(KeyRing({"k2": bytes([2]) * 32}).seal("t", "a"), "a") == "t"
    last = give_keys(runtime, named("k2", 2))
    assert last.newest == "k2" and last.open(sealed, "a") == "text"
    after = give_keys(runtime, "", secret_key=SecretStr("z" * 32), earlier_secret_keys=SecretStr(f"{'y' * 32},{'x' * 32}"))
    assert after.newest != alone.newest and after.open(sealed, "a") == "text"
