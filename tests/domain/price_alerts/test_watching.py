"""A round over all price alerts, in trouble."""

from datetime import datetime
from decimal import Decimal

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.instruments import Instrument
from domain.price_alerts import service
from domain.price_alerts.models import AlertCondition
from domain.price_alerts.service import NewPriceAlert
from domain.price_alerts.watching import watch_prices
from domain.runtime.operation import Operation
from tests.market_script import ScriptedSource


@pytest.mark.parametrize("trouble", [DomainError(ErrorCode.MARKET_UNAVAILABLE, "ADA is not to be had"), RuntimeError("a defect")], ids=repr)
async def test_symbol_without_a_price_does_not_hold_up_the_alerts_of_others(
    ada: Operation, system: Operation, source: ScriptedSource, trouble: Exception
) -> None:
    lost = await service.create_price_alert(ada, NewPriceAlert("ADA/USDT", AlertCondition.ABOVE, Decimal(51_000)))
    found = await service.create_price_alert(ada, NewPriceAlert("BTC/USDT", AlertCondition.ABOVE, Decimal(51_000)))
    market_price = source.price

    async def broken(instrument: Instrument) -> tuple[Decimal, datetime]:
        if instrument.base == "ADA":
            raise trouble
        return await market_price(instrument)

    source.price, source.price_now = broken, Decimal(52_000)  # type: ignore[method-assign]
    assert await watch_prices(system) == 1
    async with ada.reading() as work:
        assert (await service.get_price_alert(work, found.id)).triggered_at is not None
        assert (await service.get_price_alert(work, lost.id)).is_active
    source.price = market_price  # type: ignore[method-assign]
    assert await watch_prices(system) == 1
