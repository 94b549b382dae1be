"""Credentials: kept so that nobody reads them, bound to their row, replaced whole, gone for good."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.encryption import KeyRing, UnreadableSecret
from domain.runtime.idempotency import IdempotencyKey
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.wallets import connecting, credentials, uses
from domain.wallets.credentials import CredentialChanges, opened
from domain.wallets.definitions import definition_by_slug
from domain.wallets.models import Credential
from domain.wallets.rules import Environment, checked_secrets, hint_of
from domain.wallets.uses import Uses
from schema.rest.credentials import CredentialBody, CredentialView
from tests.audit_log import entries
from tests.builders import operation_of_new_user
from tests.databases import both_databases
from tests.domain.wallets.people import KEY, SECRET, SECRETS, close, leave, open_wallet, refused

E = ErrorCode
NEW = {"api_key": "another api key", "api_secret": "another secret"}


async def change(owner: Operation, credential: Credential, **changes: Any) -> Credential:
    async with owner.unit_of_work() as work:
        return await credentials.update_credential(work, credential.id, CredentialChanges(**changes))


async def remove(owner: Operation, credential: Credential) -> None:
    async with owner.unit_of_work() as work:
        await credentials.delete_credential(work, credential.id)


async def row_of(owner: Operation, credential: Credential) -> Credential:
    async with owner.reading() as work:
        return await work.session.get_one(Credential, credential.id)


@both_databases
async def test_secrets_are_kept_sealed_and_come_back_for_the_venue_alone(ada: Operation) -> None:
    kept = await row_of(ada, await leave(ada, "okx", credentials=SECRETS, extras={"passphrase": "open sesame", "account": "main"}))
    assert kept.secrets.startswith("v1.") and not any(text in kept.secrets for text in (KEY, SECRET, "sesame"))
    assert (kept.fields, kept.hint, kept.masked_key) == (["api_key", "api_secret", "passphrase"], " ada", "**** ada")
    assert opened(ada.use(KeyRing), kept) == {**SECRETS, "passphrase": "open sesame"}
    found = await connecting.credentials_of(ada.runtime, kept.id)
    assert (found.api_key, found.secret, found.password) == (KEY, SECRET, "open sesame")
    assert not any(text in repr(found) for text in (KEY, SECRET, "sesame"))


@pytest.mark.parametrize("moved", ["user_id", "id"])
async def test_a_row_copied_elsewhere_does_not_open(ada: Operation, bob: Operation, moved: str) -> None:
    mine, theirs = await leave(ada), await leave(bob)
    if moved == "user_id":
        theirs.user_id, theirs.id, theirs.secrets = bob.caller.id, mine.id, mine.secrets
    else:
        theirs.secrets = mine.secrets
    with pytest.raises(UnreadableSecret):
        opened(ada.use(KeyRing), theirs)
    mine.id = theirs.id + "x"
    with pytest.raises(UnreadableSecret):
        opened(ada.use(KeyRing), mine)


async def test_no_secret_is_told_to_anybody(ada: Operation) -> None:
    kept = await change(ada, await leave(ada, extras={"note": "between us"}), credentials=NEW)
    written = [str(vars(entry)) for entry in await entries(ada.runtime)]
    assert [entry.action for entry in await entries(ada.runtime)][-2:] == ["credential.create", "credential.update"]
    told = [*written, repr(CredentialView.of(kept)), repr(CredentialChanges(credentials=NEW))]
    for text in (KEY, SECRET, "between us", *NEW.values(), kept.secrets):
        assert not any(text in one for one in told), text
    async with ada.reading() as work:
        assert (await work.session.scalars(select(IdempotencyKey))).all() == []


@pytest.mark.parametrize(
    ("wallet", "given", "extras", "code"),
    [
        ("binance", {}, {}, E.MISSING_AUTH_FIELD),
        ("binance", {"api_key": KEY}, {}, E.MISSING_AUTH_FIELD),
        ("binance", {"api_key": KEY, "api_secret": "   "}, {}, E.MISSING_AUTH_FIELD),
        ("binance", {"api_key": KEY}, {"api_secret": 7}, E.MISSING_AUTH_FIELD),
        ("okx", SECRETS, {}, E.MISSING_AUTH_FIELD),
        ("binance", {**SECRETS, "password": "x"}, {}, E.VALIDATION_ERROR),
        ("binance", {**SECRETS, "api_key": "a\0b"}, {}, E.VALIDATION_ERROR),
        ("binance", {**SECRETS, "api_key": "x" * 8_193}, {}, E.VALIDATION_ERROR),
        ("binance", SECRETS, {"note": "x" * 40_000}, E.VALIDATION_ERROR),
        ("demo", SECRETS, {}, E.VALIDATION_ERROR),
        ("nowhere", SECRETS, {}, E.NOT_FOUND),
    ],
)
async def test_what_the_definition_asks_for_must_be_there(
    ada: Operation, wallet: str, given: dict[str, str], extras: dict[str, Any], code: ErrorCode
) -> None:
    refusal = await refused(leave(ada, wallet, credentials=given, extras=extras), code)
    assert not any(value in refusal.message for value in (*given.values(), *map(str, extras.values())) if len(value) > 3)
    async with ada.reading() as work:
        assert (await credentials.list_credentials(work)).total == 0


async def test_changes_replace_all_secrets_at_once(ada: Operation) -> None:
    kept = await leave(ada, "okx", extras={"passphrase": "open sesame"})
    await refused(change(ada, kept, credentials=NEW), E.MISSING_AUTH_FIELD)
    await refused(change(ada, kept, extras={"passphrase": "only this"}), E.MISSING_AUTH_FIELD)
    assert (await row_of(ada, kept)).secrets == kept.secrets
    changed = await change(ada, kept, credentials={**NEW, "passphrase": "shut sesame"}, name="New")
    assert opened(ada.use(KeyRing), changed) == {**NEW, "passphrase": "shut sesame"}
    assert (changed.name, changed.hint, changed.version, changed.is_connected) == ("New", " key", 2, False)
    assert opened(ada.use(KeyRing), await change(ada, kept, name="Newer")) == {**NEW, "passphrase": "shut sesame"}


async def test_credentials_of_a_wallet_stay_and_keep_their_environment(ada: Operation) -> None:
    kept = await leave(ada)
    wallet = await open_wallet(ada, "binance", "Real", credentials_id=kept.id)
    await refused(remove(ada, kept), E.CREDENTIALS_IN_USE)
    await refused(change(ada, kept, environment=Environment.TESTNET), E.CREDENTIALS_IN_USE)
    assert (await change(ada, kept, environment=Environment.MAINNET)).environment is Environment.MAINNET
    await close(ada, wallet)
    assert (await change(ada, kept, environment=Environment.TESTNET)).environment is Environment.TESTNET
    await remove(ada, kept)
    gone = await row_of(ada, kept)
    assert (gone.secrets, gone.fields, gone.hint, gone.is_active) == ("", [], None, False)
    await refused(remove(ada, kept), E.NOT_FOUND)


async def test_keys_do_not_change_while_an_order_is_in_doubt(ada: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await leave(ada)
    await open_wallet(ada, "binance", "Real", credentials_id=kept.id)

    async def one_in_doubt(*_: object) -> Uses:
        return Uses(live_orders=1, in_doubt=1)

    monkeypatch.setattr(uses, "USES_OF", [one_in_doubt])
    await refused(change(ada, kept, credentials=NEW), E.WALLET_IN_USE)
    assert not (await change(ada, kept, is_active=False)).is_active  # the way to stop it all


async def test_what_belongs_to_others_is_not_there(ada: Operation, bob: Operation) -> None:
    kept = await leave(ada)
    await refused(change(bob, kept, name="Mine"), E.NOT_FOUND)
    await refused(remove(bob, kept), E.NOT_FOUND)
    await refused(connecting.test_credential(bob, kept.id), E.NOT_FOUND)
    await refused(open_wallet(bob, "binance", "Real", credentials_id=kept.id), E.NOT_FOUND)
    async with bob.reading() as work:
        await refused(credentials.get_credential(work, kept.id), E.NOT_FOUND)
        assert (await credentials.list_credentials(work)).total == 0


async def test_an_api_key_and_a_viewer_leave_no_secrets(house: Runtime, ada: Operation) -> None:
    await refused(leave(await operation_of_new_user(house, role="viewer")), E.FORBIDDEN)
    robot = ada.on_behalf_of(replace(ada.caller, api_key_id="key_1"))
    await refused(leave(robot), E.SESSION_REQUIRED)
    await refused(open_wallet(robot, "binance", "Real", credentials=SECRETS), E.SESSION_REQUIRED)
    assert (await open_wallet(robot)).is_paper


async def test_the_list_knows_slugs_ids_and_switches(ada: Operation) -> None:
    first, second = await leave(ada), await leave(ada, "kraken")
    await change(ada, second, is_active=False)
    async with ada.reading() as work:

        async def ids(**filters: Any) -> list[str]:
            return [one.id for one in (await credentials.list_credentials(work, **filters)).items]

        definition = await definition_by_slug(work, "kraken")
        assert definition is not None
        assert await ids() == [second.id, first.id]
        assert await ids(wallet_id="binance") == await ids(is_active=True) == [first.id]
        assert await ids(wallet_id=definition.id) == await ids(wallet_id="kraken", is_active=False) == [second.id]
        assert await ids(wallet_id="nowhere") == []


@both_databases
async def test_the_same_request_twice_at_once_leaves_them_once(house: Runtime, ada: Operation) -> None:
    keyed = house.operation(ada.caller, door="test", idempotency_key="once")
    first, second = await asyncio.gather(leave(keyed), leave(keyed))
    assert first.id == second.id
    await refused(leave(keyed, name="Other"), E.IDEMPOTENCY_CONFLICT)


def test_a_short_key_gives_nothing_away() -> None:
    assert hint_of({"api_key": "elevenchars"}) is None and hint_of({}) is None
    assert hint_of({"api_key": "twelve chars"}) == "hars"
    assert checked_secrets([{"key": "api_key", "required": False}], {}, {}) == {}


@pytest.mark.parametrize(
    ("extras", "environment", "expected"),
    [
        (None, None, "mainnet"),
        ({"testnet": True}, None, "testnet"),
        ({"sandbox": True}, Environment.TESTNET, "testnet"),
        ({"environment": "testnet"}, None, "testnet"),
        ({"testnet": False}, None, "mainnet"),
        ({"testnet": True}, Environment.MAINNET, None),
        ({"testnet": True, "environment": "mainnet"}, None, None),
        ({"environment": "moon"}, None, None),
    ],
)
def test_play_money_is_not_made_real_by_a_word_nobody_reads(
    extras: dict[str, Any] | None, environment: Environment | None, expected: str | None
) -> None:
    body = CredentialBody(name="K", wallet_slug="binance", additional_config=extras, environment=environment, **SECRETS)  # type: ignore[arg-type]
    if expected is None:
        with pytest.raises(DomainError, match="environment"):
            body.arguments()
    else:
        assert body.arguments()["body"].environment.value == expected
