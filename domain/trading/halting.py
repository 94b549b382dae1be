"""Moves the trading switch and, where asked to, gets out of everything: positions are closed before a halt, which would stop exits too."""

from dataclasses import replace

from sqlalchemy import select, union

from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission, requires
from domain.risk import switch
from domain.risk.models import SYSTEM_SUBJECT, SwitchState
from domain.risk.switch import Switches, SwitchSetting, SwitchStanding, switches_of
from domain.runtime.operation import Operation
from domain.trading.flattening import flatten_all
from domain.trading.machine import LIVE
from domain.trading.models import Order, OrderStatus, Position, PositionStatus

# Gets everybody out, in turns: everybody may be many.
FLATTEN_EVERYBODY = "trading.flatten_everybody"
AT_ONCE = 50


@audited("trading_switch.set")
@requires(Permission.RISK_RULES_WRITE)
async def set_trading_switch(operation: Operation, setting: SwitchSetting, flatten: bool = False) -> Switches:
    """Move the caller's own trading switch: `REDUCING` lets only orders through that shrink a position, `HALTED` none at all.

    With `flatten`, all live orders are cancelled and all positions closed at the market while the switch stands at `REDUCING`, before it
    goes where it is to stand; what cannot be closed stays as it is. Raises VALIDATION_ERROR, also for flattening while trading goes on.
    """
    if not flatten:
        async with operation.unit_of_work() as work:
            return await switch.set_trading_switch(work, setting)
    _check_flattening(setting)
    entry_of(operation).about(operation.caller.id)
    entry_of(operation).add(flatten=True)
    await _move(operation, replace(setting, state=SwitchState.REDUCING))
    await flatten_all(operation)
    return await _move(operation, setting)


@audited("trading_switch.set_global")
@requires(Permission.TRADING_SWITCH_WRITE)
async def set_global_switch(operation: Operation, setting: SwitchSetting, flatten: bool = False) -> SwitchStanding:
    """Move the switch over everybody; for each user the stricter of it and their own holds.

    It bites with the commit; people are told by a job. With `flatten` another job cancels everybody's live orders and closes everybody's
    positions, which only `REDUCING` leaves room for: halt when that is done. Raises VALIDATION_ERROR.
    """
    if flatten:
        _check_flattening(setting)
        if setting.state is SwitchState.HALTED:
            raise DomainError(ErrorCode.VALIDATION_ERROR, "A halt stops exits too: flatten with REDUCING, then halt", field="flatten")
    async with operation.unit_of_work() as work:
        standing = await switch.get_global_switch(work)
        if not flatten or standing.state is not setting.state:
            standing = await switch.set_global_switch(work, setting)
        if flatten:
            entry_of(work).about(SYSTEM_SUBJECT)
            entry_of(work).add(flatten=True)
            work.enqueue(FLATTEN_EVERYBODY, after="")
    return standing


async def flatten_everybody(operation: Operation, after: str, at_once: int = AT_ONCE) -> None:
    """Get the next users behind the id `after` out of everything, and leave the rest to the next turn; safe to run again."""
    live = select(Order.user_id).where(Order.status.in_(LIVE | {OrderStatus.CANCELLING}), Order.user_id > after)
    held = select(Position.user_id).where(Position.status == PositionStatus.OPEN, Position.user_id > after)
    async with operation.reading() as work:
        owners = union(live, held).subquery()
        user_ids = (await work.session.scalars(select(owners.c.user_id).order_by(owners.c.user_id).limit(at_once))).all()
    for user_id in user_ids:
        await flatten_all(operation, user_id=user_id)
    if len(user_ids) == at_once:
        async with operation.unit_of_work() as work:
            work.enqueue(FLATTEN_EVERYBODY, after=user_ids[-1])


def _check_flattening(setting: SwitchSetting) -> None:
    if setting.state is SwitchState.ACTIVE:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "Flatten goes with REDUCING or HALTED: flows would open anew", field="flatten")


async def _move(operation: Operation, setting: SwitchSetting) -> Switches:
    async with operation.reading() as work:
        now = await switches_of(work, work.caller.id)
    if now.own.state is setting.state:
        return now
    async with operation.unit_of_work() as work:
        return await switch.set_trading_switch(work, setting)
