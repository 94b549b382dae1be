"""Positions in the vocabulary of `/api/v1`."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field

from domain.trading.margins import PositionRecord
from domain.trading.models import Position
from domain.trading.monitoring import UNSET
from domain.trading.positions import risk_level
from domain.trading.protection import BreakEven, TrailingStop


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailingStopBody:
    """A stop that follows the price at a distance once it reaches `activation_price`, or the entry; not `enabled` takes it away."""

    distance_percent: Annotated[Decimal, Field(gt=0, le=50)] = Decimal(2)
    activation_price: Decimal | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenBody:
    """The stop goes to the entry once the profit reaches the percentage; not `enabled` takes that away."""

    activation_profit_percent: Annotated[Decimal, Field(gt=0, le=1000)] = Decimal(1)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class ProtectionBody:
    """What is left out or null stays as it is."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing_stop: TrailingStopBody | None = None
    break_even: BreakEvenBody | None = None

    def arguments(self) -> dict[str, Any]:
        trail, even = self.trailing_stop, self.break_even
        return {
            "trailing_stop": UNSET
            if trail is None
            else TrailingStop(trail.distance_percent, trail.activation_price)
            if trail.enabled
            else None,
            "break_even": UNSET if even is None else BreakEven(even.activation_profit_percent) if even.enabled else None,
            "stop_loss": UNSET if self.stop_loss is None else self.stop_loss,
            "take_profit": UNSET if self.take_profit is None else self.take_profit,
        }


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position of one flow, or of all manual orders; money is in `currency`."""

    id: str
    user_id: str
    user_wallet_id: str
    flow_id: str | None
    symbol: str
    side: str
    status: str
    currency: str
    entry: dict[str, Any]
    current: dict[str, Any]
    risk_management: dict[str, Any]
    exit: dict[str, Any] | None
    created_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, record: PositionRecord) -> Self:
        position, margin = record.position, record.margin
        held = int(((position.closed_at or position.priced_at) - position.created_at).total_seconds() // 60)
        return cls(
            id=position.id,
            user_id=position.user_id,
            user_wallet_id=position.wallet_id,
            flow_id=position.flow_id,
            symbol=position.symbol,
            side=position.side.value,
            status=position.status.value,
            currency=position.currency,
            entry={
                "order_id": position.entry_order_id,
                "quantity": position.entry_quantity,
                "price": position.entry_price,
                "value_usd": position.entry_value,
                "timestamp": position.created_at,
                "fees": position.entry_fees,
                "fee_currency": position.currency,
                "leverage": margin.leverage,
                "margin_used": margin.margin_used,
                "ai_reasoning": position.reasoning,
                "ai_confidence": position.confidence,
            },
            current={
                "quantity": position.quantity,
                "price": position.current_price,
                "value": position.value,
                "unrealized_pnl": position.unrealized_pnl,
                "unrealized_pnl_percent": position.unrealized_pnl_percent,
                "risk_level": risk_level(position.unrealized_pnl_percent),
                "time_held_minutes": held,
                "high_water_mark": position.high_water_mark,
                "low_water_mark": position.low_water_mark,
                "liquidation_price": margin.liquidation_price,
                "last_updated": position.priced_at,
            },
            risk_management={
                "stop_loss": position.stop_loss,
                "take_profit": position.take_profit,
                "initial_stop_loss": position.initial_stop_loss,
                "initial_take_profit": position.initial_take_profit,
                "trailing_stop": _trailing_stop_of(position),
                "break_even": _break_even_of(position),
            },
            exit=None if position.closed_at is None else _exit_of(position, held),
            created_at=position.created_at,
            opened_at=position.created_at,
            closed_at=position.closed_at,
            updated_at=position.updated_at,
        )


def _trailing_stop_of(position: Position) -> dict[str, Any] | None:
    if position.trail_percent is None:
        return None
    return {
        "enabled": True,
        "distance_percent": position.trail_percent,
        "activation_price": position.trail_activation_price,
        "activated_at": position.trailing_since,
        "current_trigger": None if position.trailing_since is None else position.stop_loss,
    }


def _break_even_of(position: Position) -> dict[str, Any] | None:
    if position.break_even_percent is None:
        return None
    return {
        "enabled": True,
        "activation_profit_percent": position.break_even_percent,
        "activated": position.break_even_at is not None,
        "activated_at": position.break_even_at,
    }


def _exit_of(position: Position, held_minutes: int) -> dict[str, Any]:
    return {
        "order_id": position.exit_order_id,
        "timestamp": position.closed_at,
        "price": position.exit_price,
        "amount": position.exit_quantity,
        "value": position.exit_value,
        "fees": position.exit_fees,
        "fee_currency": position.currency,
        "reason": position.exit_reason.value if position.exit_reason else None,
        "realized_pnl": position.realized_pnl,
        "realized_pnl_percent": position.realized_pnl_percent,
        "time_held_minutes": held_minutes,
    }
