"""What people do with price alerts: set, read, switch and delete them."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints
from sqlalchemy import Select, func, select

from domain.accounts.models import User
from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.money import exact
from domain.kernel.permissions import Caller, Permission, check, requires
from domain.market.instruments import canonical_symbol, find_instrument
from domain.market.market import Market
from domain.price_alerts.models import AlertCondition, PriceAlert
from domain.price_alerts.rules import check_target
from domain.price_alerts.watching import fire_if_reached
from domain.runtime.idempotency import answered, claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, equal, keyset_page
from domain.runtime.operation import Operation
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

MAX_ACTIVE = 100

Symbol = Annotated[str, Field(min_length=1, max_length=64)]
Message = Annotated[str, StringConstraints(max_length=500)]


@dataclass(frozen=True, slots=True)
class NewPriceAlert:
    """What is waited for. `target_price` is a price, or for the `change` conditions a distance, in the quote currency or in percent."""

    symbol: Symbol
    condition: AlertCondition
    target_price: Decimal
    message: Message | None = None
    is_active: bool = True


def price_alerts_visible_to(caller: Caller) -> Select[PriceAlert]:
    """Return the select that every reading of price alerts starts from: the caller's own."""
    return select(PriceAlert).where(PriceAlert.user_id == caller.id)


@audited("price_alert.create")
@requires(Permission.PRICE_ALERTS_WRITE)
async def create_price_alert(operation: Operation, body: NewPriceAlert) -> PriceAlert:
    """Wait for a price; a condition that holds already fires at once.

    Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, ALERT_LIMIT_REACHED beyond 100 active ones, NO_MARKET_DATA, MARKET_UNAVAILABLE.
    """
    check(operation.caller, Permission.MARKET_READ)
    instrument = find_instrument(body.symbol)
    target = exact(body.target_price, "target_price")
    check_target(body.condition, target, may_be_negative=instrument.allow_negative_price)
    fingerprint = fingerprint_of("create_price_alert", **asdict(body))
    if operation.idempotency_key is not None:
        async with operation.reading() as work:
            if earlier := await answered(work, fingerprint):
                return await find_price_alert(work, earlier)
    tick = await operation.use(Market).price(instrument.symbol)
    async with operation.unit_of_work() as work:
        alert = PriceAlert(
            id=new_id("palert"),
            user_id=work.caller.id,
            symbol=instrument.symbol,
            condition=body.condition,
            target_price=target,
            reference_price=tick.price,
            message=body.message,
            is_active=body.is_active,
            created_at=work.now,
        )
        if earlier := await claim(work, fingerprint, alert.id):
            return await find_price_alert(work, earlier)
        entry_of(work).about(alert.id)
        if alert.is_active:
            await _check_room(work)
        work.session.add(alert)
        await work.session.flush()
        await fire_if_reached(work, alert, tick.price)
    return alert


@audited("price_alert.switch", id="price_alert_id")
@requires(Permission.PRICE_ALERTS_WRITE)
async def switch_price_alert(operation: Operation, price_alert_id: str, is_active: bool) -> PriceAlert:
    """Switch an alert off, or on again: then it waits anew, from the price of now, and one that has fired may fire once more.

    Raises NOT_FOUND, ALERT_LIMIT_REACHED, NO_MARKET_DATA, MARKET_UNAVAILABLE.
    """
    async with operation.reading() as work:
        symbol = (await find_price_alert(work, price_alert_id)).symbol
    tick = await operation.use(Market).price(symbol) if is_active else None
    async with operation.unit_of_work() as work:
        alert = await _locked(work, price_alert_id)
        if alert.is_active == is_active:
            return alert
        if tick is not None:
            await _check_room(work)
            alert.reference_price, alert.triggered_at, alert.triggered_price = tick.price, None, None
        alert.is_active = is_active
        await work.session.flush()
        if tick is not None:
            await fire_if_reached(work, alert, tick.price)
    return alert


@audited("price_alert.delete", id="price_alert_id")
@requires(Permission.PRICE_ALERTS_WRITE)
async def delete_price_alert(work: UnitOfWork, price_alert_id: str) -> None:
    """Delete an alert, fired or not. Raises NOT_FOUND."""
    await work.session.delete(await _locked(work, price_alert_id))


@requires(Permission.MARKET_READ)
async def list_price_alerts(
    work: UnitOfWork, symbol: str | None = None, is_active: bool | None = None, limit: Limit = 50, offset: Offset = 0
) -> Page[PriceAlert]:
    """Return the caller's alerts, newest first. Raises UNKNOWN_SYMBOL."""
    query = _filtered(work, symbol, is_active).order_by(PriceAlert.created_at.desc(), PriceAlert.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.MARKET_READ)
async def page_of_price_alerts(
    work: UnitOfWork, page: PageRequest, symbol: str | None = None, is_active: bool | None = None
) -> KeysetPage[PriceAlert]:
    """Return one page of the caller's alerts, newest first. Raises UNKNOWN_SYMBOL."""
    return await keyset_page(work.session, _filtered(work, symbol, is_active), PriceAlert, page)


@requires(Permission.MARKET_READ)
async def get_price_alert(work: UnitOfWork, price_alert_id: str) -> PriceAlert:
    """Return one alert. Raises NOT_FOUND."""
    return await find_price_alert(work, price_alert_id)


async def find_price_alert(work: UnitOfWork, price_alert_id: str) -> PriceAlert:
    """Return the caller's alert; raises NOT_FOUND."""
    return await _found(work, price_alerts_visible_to(work.caller), price_alert_id)


def _filtered(work: UnitOfWork, symbol: str | None, is_active: bool | None) -> Select[PriceAlert]:
    return equal(price_alerts_visible_to(work.caller), (PriceAlert.symbol, canonical_symbol(symbol)), (PriceAlert.is_active, is_active))


async def _locked(work: UnitOfWork, price_alert_id: str) -> PriceAlert:
    query = price_alerts_visible_to(work.caller).with_for_update().execution_options(populate_existing=True)
    return await _found(work, query, price_alert_id)


async def _found(work: UnitOfWork, query: Select[PriceAlert], price_alert_id: str) -> PriceAlert:
    alert = await work.session.scalar(query.where(PriceAlert.id == price_alert_id))
    if alert is None:
        raise NotFound("Price alert", price_alert_id)
    return alert


async def _check_room(work: UnitOfWork) -> None:
    # The user's row makes two that come at once take turns.
    await work.session.execute(select(User.id).where(User.id == work.caller.id).with_for_update())
    active = select(func.count()).select_from(PriceAlert).where(PriceAlert.user_id == work.caller.id, PriceAlert.is_active)
    if (await work.session.scalar(active) or 0) >= MAX_ACTIVE:
        raise DomainError(ErrorCode.ALERT_LIMIT_REACHED, f"At most {MAX_ACTIVE} price alerts are active at a time", limit=MAX_ACTIVE)
