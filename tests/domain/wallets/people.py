"""What tests of wallets ask for, in few words."""

from collections.abc import Awaitable
from typing import Any

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.operation import Operation
from domain.wallets import credentials, opening
from domain.wallets.credentials import NewCredential
from domain.wallets.models import Credential, Wallet
from domain.wallets.opening import NewWallet, WalletChanges

KEY, SECRET = "an api key of ada", "a secret of ada"
SECRETS = {"api_key": KEY, "api_secret": SECRET}


async def leave(owner: Operation, wallet: str = "binance", **more: Any) -> Credential:
    async with owner.unit_of_work() as work:
        new = NewCredential(**{"name": "Keys", "wallet": wallet, "credentials": SECRETS, **more})
        return await credentials.create_credential(work, new)


async def open_wallet(owner: Operation, definition: str = "simulation", nickname: str = "Play", **more: Any) -> Wallet:
    async with owner.unit_of_work() as work:
        return await opening.create_wallet(work, NewWallet(definition=definition, nickname=nickname, **more))


async def change(owner: Operation, wallet: Wallet, **changes: Any) -> Wallet:
    async with owner.unit_of_work() as work:
        return await opening.update_wallet(work, wallet.id, WalletChanges(**changes))


async def close(owner: Operation, wallet: Wallet) -> None:
    async with owner.unit_of_work() as work:
        await opening.delete_wallet(work, wallet.id)


async def refused(attempt: Awaitable[object], code: ErrorCode) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        await attempt
    assert refusal.value.code is code, refusal.value.message
    return refusal.value
