"""What clients see of wallets: balances, and the ledger that explains each of them."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain.trading import margins
from domain.wallets import relations
from domain.wallets.models import EntryCause
from schema.enums import graphql_enum
from schema.fields import related

graphql_enum(
    EntryCause,
    name="LedgerCause",
    description="Why a balance changed.",
    values={"DEPOSIT": "Money came in.", "TRADE": "A fill.", "FEE": "The fee of a fill."},
)


@strawberry.type(description="How much of an asset a wallet holds: the sum of its ledger entries, always.")
class Balance:
    asset: str = strawberry.field(description="For instance `USDT`.")
    amount: Decimal = strawberry.field(description="Negative where it is owed: the asset of a short position.")
    entries: int = strawberry.field(description="How many ledger entries it is the sum of.")
    updated_at: datetime = strawberry.field(description="Last change.")


@strawberry.type(description="What a wallet can spend of one currency; all that is quoted in it counts together.")
class Funds:
    currency: str = strawberry.field(description="For instance `USDT`.")
    balance: Decimal = strawberry.field(description="What the ledger holds; negative when borrowed.")
    equity: Decimal = strawberry.field(description="The balance and what the positions are worth.")
    margin: Decimal = strawberry.field(name="marginUsed", description="Held against the positions, each symbol netted.")
    maintenance: Decimal = strawberry.field(
        name="maintenanceMargin", description="Below this equity the orders are cancelled and positions closed."
    )
    reserved: Decimal = strawberry.field(description="Set aside for live orders.")
    available: Decimal = strawberry.field(description="Equity less margin and what is reserved: what new orders can be paid with.")


@strawberry.type(description="Where a user's money lies.")
class Wallet:
    id: strawberry.ID = strawberry.field(description="Begins with `wallet_`.")
    definition_slug: str = strawberry.field(description="At which venue; `demo` is the paper venue.")
    nickname: str = strawberry.field(description="What the user calls it.")
    is_active: bool = strawberry.field(description="Whether it can be traded with.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    leverage: int = strawberry.field(description="How many times their margin its positions may be worth; 1 is without borrowing.")
    balances = related(list[Balance], relations.balances_of_wallets, "id", "What it holds, by asset.")
    funds = related(list[Funds], margins.funds_by_wallet, "id", "What it can spend, by currency, at the prices last seen.")


@strawberry.type(description="One change of one balance; entries are never edited.")
class LedgerEntry:
    id: strawberry.ID = strawberry.field(description="Begins with `entry_`.")
    wallet_id: strawberry.ID = strawberry.field(description="The wallet.")
    asset: str = strawberry.field(description="The asset.")
    seq: int = strawberry.field(description="Counts the entries of the balance from 1, without a gap.")
    amount: Decimal = strawberry.field(description="Positive comes in, negative goes out.")
    balance_after: Decimal = strawberry.field(description="The balance behind this entry.")
    cause: EntryCause = strawberry.field(description="Why.")
    fill_id: strawberry.ID | None = strawberry.field(description="The fill that caused it.")
    order_id: strawberry.ID | None = strawberry.field(description="The order that caused it.")
    created_at: datetime = strawberry.field(description="When it was written.")
