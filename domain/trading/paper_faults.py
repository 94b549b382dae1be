"""What people may ask of the faults of their paper wallets: they set a script, look how far it has got, and take it away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from domain.audit.recording import audited
from domain.exchanges.faults import parse_faults
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.permissions import Permission, requires
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.paper_fault_models import PaperFaults
from domain.wallets.ledger import lock_wallet
from domain.wallets.models import Wallet
from domain.wallets.service import get_wallet

MAX_SCRIPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultsSetting:
    """What is to go wrong: a script of at most 100 rules, and the seed from which it draws."""

    script: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SCRIPT)]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


@dataclass(frozen=True, slots=True)
class WalletFaults:
    """The script of a paper wallet, and how often the venue was called since it was set; without one it is empty, and `set_at` None.

    `found` counts look-ups of one order and of all open ones.
    """

    wallet_id: str
    script: str = ""
    seed: int = 0
    placed: int = 0
    amended: int = 0
    cancelled: int = 0
    found: int = 0
    set_at: datetime | None = None


@requires(Permission.WALLETS_READ)
async def get_faults(work: UnitOfWork, wallet_id: str) -> WalletFaults:
    """Return what goes wrong with a paper wallet's orders on script. Raises NOT_FOUND, NOT_A_PAPER_WALLET."""
    wallet = _on_paper(await get_wallet(work, wallet_id))
    row = await work.session.get(PaperFaults, wallet.id)
    return WalletFaults(wallet.id) if row is None else _faults(row)


@audited("wallet.set_faults", id="wallet_id")
@requires(Permission.USER_WALLETS_WRITE)
async def set_faults(work: UnitOfWork, wallet_id: str, body: FaultsSetting) -> WalletFaults:
    """Have the paper venue treat a wallet's orders as a script says, from the next call on; it replaces the script there was.

    Calls and fills are counted from 1 again. Raises NOT_FOUND, NOT_A_PAPER_WALLET, and VALIDATION_ERROR that names the wrong line.
    """
    parse_faults(body.script)
    wallet = await _own(work, wallet_id)
    row = await work.session.get(PaperFaults, wallet.id, with_for_update=True)
    if row is None:
        row = PaperFaults(account=wallet.id)
        work.session.add(row)
    row.script, row.seed, row.set_at = body.script, body.seed, work.now
    row.placed = row.amended = row.cancelled = row.found = 0
    await work.session.flush()
    return _faults(row)


@audited("wallet.clear_faults", id="wallet_id")
@requires(Permission.USER_WALLETS_WRITE)
async def clear_faults(work: UnitOfWork, wallet_id: str) -> None:
    """Let everything go well again; a paper wallet without a script stays as it is. Raises NOT_FOUND, NOT_A_PAPER_WALLET."""
    wallet = await _own(work, wallet_id)
    row = await work.session.get(PaperFaults, wallet.id, with_for_update=True)
    if row is not None:
        await work.session.delete(row)


async def _own(work: UnitOfWork, wallet_id: str) -> Wallet:
    await get_wallet(work, wallet_id)
    wallet = await lock_wallet(work, wallet_id)
    if wallet.deleted_at is not None:  # by somebody who held it until now
        raise NotFound("Wallet", wallet_id)
    return _on_paper(wallet)


def _on_paper(wallet: Wallet) -> Wallet:
    if not wallet.is_paper:
        raise DomainError(ErrorCode.NOT_A_PAPER_WALLET, "What goes wrong at a real venue is no script", wallet_id=wallet.id)
    return wallet


def _faults(row: PaperFaults) -> WalletFaults:
    return WalletFaults(row.account, row.script, row.seed, row.placed, row.amended, row.cancelled, row.found, row.set_at)
