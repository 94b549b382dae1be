"""Answers GraphQL's questions about all that a user owns, and sets how far a wallet may trade beyond it."""

import strawberry

from domain.trading import portfolio
from domain.trading.leverage import set_leverage
from domain.wallets import models
from schema.context import Info
from schema.fields import field, mutation
from schema.portfolio import PortfolioSummary
from schema.wallets import Wallet


@strawberry.type
class PortfolioQueries:
    @field(
        PortfolioSummary,
        "All of the caller's wallets together, in dollars: USD and the stablecoins count as dollars, another currency is converted at the "
        "market's price or, where there is none, listed by itself.",
        service=portfolio.portfolio_summary,
    )
    async def portfolio_summary(self, info: Info) -> portfolio.PortfolioSummary:
        return await portfolio.portfolio_summary(info.context.operation)


@strawberry.type
class PortfolioMutations:
    @mutation(
        Wallet,
        "Let the positions of a wallet be worth so many times the margin behind them: 1, which is without borrowing, to 10. Raises "
        "NOT_FOUND, VALIDATION_ERROR, also where the venue does not lend, and INSUFFICIENT_FUNDS when it could not carry what it holds.",
        service=set_leverage,
    )
    async def set_leverage(self, info: Info, wallet_id: strawberry.ID, leverage: int) -> models.Wallet:
        async with info.context.unit_of_work() as work:
            return await set_leverage(work, wallet_id, leverage)
