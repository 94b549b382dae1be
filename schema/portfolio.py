"""What clients see of all that a user owns."""

from decimal import Decimal

import strawberry


@strawberry.type(description="What is owned in a currency that the market has no price for in dollars.")
class CurrencySummary:
    currency: str = strawberry.field(description="For instance `EUR`.")
    total_value: Decimal = strawberry.field(description="Cash and positions.")
    cash_balance: Decimal = strawberry.field(description="What the ledger holds.")
    positions_value: Decimal = strawberry.field(description="What is open, shorts negative.")
    day_change: Decimal | None = strawberry.field(description="Won since midnight UTC; null where the price then is not known.")
    total_pnl: Decimal = strawberry.field(description="The value less what was paid in.")
    buying_power: Decimal = strawberry.field(description="What could still be opened.")


@strawberry.type(description="All wallets of a user together, in `currency`.")
class PortfolioSummary:
    currency: str = strawberry.field(description="`USD`; USDT and USDC count as dollars.")
    total_value: Decimal = strawberry.field(description="Cash and positions.")
    cash_balance: Decimal = strawberry.field(description="What the ledger holds.")
    positions_value: Decimal = strawberry.field(description="What is open, shorts negative.")
    day_change: Decimal | None = strawberry.field(description="Won since midnight UTC; null where a price of then is not known.")
    day_change_percent: Decimal | None = strawberry.field(
        description="The same in percent of the value at midnight; null where there was none."
    )
    total_pnl: Decimal = strawberry.field(description="The value less what was paid in.")
    total_pnl_percent: Decimal = strawberry.field(description="The same in percent of what was paid in.")
    buying_power: Decimal = strawberry.field(description="What could still be opened: available money times leverage.")
    other_currencies: list[CurrencySummary] = strawberry.field(description="What has no price in dollars and is not in the sums.")
