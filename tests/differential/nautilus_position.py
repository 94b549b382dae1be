"""Positions as nautilus_trader keeps them, fed with our trades: the independent reference of our profit and loss."""

from decimal import Decimal

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.currencies import BTC
from nautilus_trader.model.enums import CurrencyType, LiquiditySide, OrderSide, OrderType
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    Symbol,
    TradeId,
    TraderId,
    Venue,
    VenueOrderId,
)
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.model.position import Position

from domain.exchanges.venue import Side
from domain.trading.positions import Trade

TRADER, STRATEGY, ACCOUNT = TraderId("TRADER-001"), StrategyId("S-001"), AccountId("PAPER-001")
# Digits enough that rounding every sum to them hardly shows, and not so many that those which a double invents do.
QUOTE_DIGITS = 12
QUOTE = Currency("QUOTE", QUOTE_DIGITS, 0, "quote", CurrencyType.CRYPTO)
PRICE_DIGITS, SIZE_DIGITS = 4, 5


def instrument(
    price_digits: int = PRICE_DIGITS,
    size_digits: int = SIZE_DIGITS,
    contract_size: Decimal = Decimal(1),
    tick: Decimal | None = None,
    rates: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0)),
) -> CryptoPerpetual:
    """Return a linear contract that is settled in the quote currency; `rates` are the maker's and the taker's."""
    symbol = Symbol("POWER")
    return CryptoPerpetual(
        instrument_id=InstrumentId(symbol, Venue("PAPER")),
        raw_symbol=symbol,
        base_currency=BTC,
        quote_currency=QUOTE,
        settlement_currency=QUOTE,
        is_inverse=False,
        price_precision=price_digits,
        size_precision=size_digits,
        price_increment=Price(tick or Decimal(1).scaleb(-price_digits), price_digits),
        size_increment=Quantity(Decimal(1).scaleb(-size_digits), size_digits),
        multiplier=Quantity(contract_size, 0),
        maker_fee=rates[0],
        taker_fee=rates[1],
        ts_event=0,
        ts_init=0,
    )


def side_of(side: Side) -> OrderSide:
    return OrderSide.BUY if side is Side.BUY else OrderSide.SELL


def fill_of(contract: CryptoPerpetual, number: object, trade: Trade, strategy: StrategyId = STRATEGY) -> OrderFilled:
    return OrderFilled(
        trader_id=TRADER,
        strategy_id=strategy,
        instrument_id=contract.id,
        client_order_id=ClientOrderId(f"O-{number}"),
        venue_order_id=VenueOrderId(f"V-{number}"),
        account_id=ACCOUNT,
        trade_id=TradeId(f"T-{number}"),
        position_id=PositionId(f"{contract.id}-{strategy}"),
        order_side=side_of(trade.side),
        order_type=OrderType.MARKET,
        last_qty=Quantity(trade.quantity, contract.size_precision),
        last_px=Price(trade.price, contract.price_precision),
        currency=QUOTE,
        commission=Money(trade.fee, QUOTE),
        liquidity_side=LiquiditySide.TAKER,
        event_id=UUID4(),
        ts_event=0,
        ts_init=0,
    )


class NautilusAccount:
    """One account's position in one contract: `closed` in the past, `held` now.

    A fill larger than the position is given to nautilus as two, one that closes and one that opens, each with its share of the fee: so
    does its own execution engine.
    """

    def __init__(self, contract_size: Decimal) -> None:
        self.contract = instrument(contract_size=contract_size)
        self.closed: list[Position] = []
        self.held: Position | None = None
        self._fills = 0

    def trade(self, trade: Trade) -> None:
        if self.held is None:
            self.held = Position(self.contract, self._fill(trade))
            return
        open_quantity = self.held.quantity.as_decimal()
        if self.held.is_opposite_side(side_of(trade.side)) and trade.quantity > open_quantity:
            fee = (trade.fee * open_quantity / trade.quantity).quantize(Decimal(1).scaleb(-QUOTE_DIGITS))
            self.held.apply(self._fill(Trade(trade.side, open_quantity, trade.price, fee)))
            self.closed.append(self.held)
            self.held = Position(self.contract, self._fill(Trade(trade.side, trade.quantity - open_quantity, trade.price, trade.fee - fee)))
            return
        self.held.apply(self._fill(trade))
        if self.held.is_closed:
            self.closed.append(self.held)
            self.held = None

    def unrealized(self, price: Decimal) -> Decimal:
        if self.held is None:
            return Decimal(0)
        return Decimal(self.held.unrealized_pnl(Price(price, PRICE_DIGITS)).as_decimal())

    def _fill(self, trade: Trade) -> OrderFilled:
        self._fills += 1
        return fill_of(self.contract, self._fills, trade)
