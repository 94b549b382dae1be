"""The trading switch: who may send orders at all. Checked in the transaction that writes an order, so that a halt is never overtaken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import Select, select

from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.risk.events import trading_switch_changed
from domain.risk.models import SYSTEM_SUBJECT, SwitchOrigin, SwitchState, TradingSwitch, TradingSwitchChange
from domain.risk.states import Effect, allows, stricter
from domain.runtime.database import upsert
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

MAX_REASON = 500
Reason = Annotated[str, StringConstraints(max_length=MAX_REASON)]
# Tells everybody that trading was halted for all; in turns, since everybody may be many.
TELL_EVERYBODY = "risk.tell_of_global_switch"


@dataclass(frozen=True, slots=True)
class SwitchSetting:
    """Where a switch is to stand, and why: at most 500 characters."""

    state: SwitchState
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class SwitchStanding:
    """Where a switch stands, since when, who moved it and why; nobody has moved it when `changed_at` is None."""

    state: SwitchState
    reason: str | None = None
    origin: SwitchOrigin | None = None
    rule_id: str | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Switches:
    """What holds for a user: the stricter one of their own switch and of the one over everybody."""

    own: SwitchStanding
    everybody: SwitchStanding

    @property
    def effective_state(self) -> SwitchState:
        return stricter(self.own.state, self.everybody.state)


def switch_changes_visible_to(caller: Caller) -> Select[TradingSwitchChange]:
    """Return the select that every reading of the history starts from: the caller's own changes, and those for everybody."""
    query = select(TradingSwitchChange)
    return query if caller.is_system else query.where(TradingSwitchChange.subject.in_((caller.id, SYSTEM_SUBJECT)))


@requires(Permission.RISK_RULES_READ)
async def get_trading_switch(work: UnitOfWork) -> Switches:
    """Return where the caller's trading switch and the one over everybody stand."""
    return await switches_of(work, work.caller.id)


@requires(Permission.RISK_RULES_READ)
async def get_global_switch(work: UnitOfWork) -> SwitchStanding:
    """Return where the switch over everybody stands."""
    return _standing(await work.session.get_one(TradingSwitch, SYSTEM_SUBJECT))


@audited("trading_switch.set")
@requires(Permission.RISK_RULES_WRITE)
async def set_trading_switch(work: UnitOfWork, setting: SwitchSetting) -> Switches:
    """Move the caller's own trading switch: `REDUCING` lets only orders through that shrink a position, `HALTED` none at all.

    Where it stands already nothing is changed. Orders at a venue stay there. Raises VALIDATION_ERROR.
    """
    owner = work.caller.id
    entry_of(work).about(owner)
    change = await _move(work, owner, setting, SwitchOrigin.OWNER)
    if change is None:
        work.forgo_record()
    else:
        work.emit(trading_switch_changed(change, owner))
    await work.session.flush()
    return await switches_of(work, owner)


@audited("trading_switch.set_global")
@requires(Permission.TRADING_SWITCH_WRITE)
async def set_global_switch(work: UnitOfWork, setting: SwitchSetting) -> SwitchStanding:
    """Move the switch over everybody; for each user the stricter of it and their own holds.

    It bites with the commit; people are told by a job. Raises VALIDATION_ERROR.
    """
    entry_of(work).about(SYSTEM_SUBJECT)
    change = await _move(work, SYSTEM_SUBJECT, setting, SwitchOrigin.ADMINISTRATOR)
    if change is None:
        work.forgo_record()
    else:
        work.enqueue(TELL_EVERYBODY, change_id=change.id, after="")
    return _standing(await work.session.get_one(TradingSwitch, SYSTEM_SUBJECT))


@requires(Permission.RISK_RULES_READ)
async def list_switch_changes(work: UnitOfWork, limit: Limit = 10, offset: Offset = 0) -> Page[TradingSwitchChange]:
    """Return the changes of the caller's switch and of the one over everybody, newest first."""
    query = switch_changes_visible_to(work.caller).order_by(TradingSwitchChange.created_at.desc(), TradingSwitchChange.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.RISK_RULES_READ)
async def page_of_switch_changes(work: UnitOfWork, page: PageRequest) -> KeysetPage[TradingSwitchChange]:
    """Return one page of the changes of the caller's switch and of the one over everybody, newest first."""
    return await keyset_page(work.session, switch_changes_visible_to(work.caller), TradingSwitchChange, page)


async def switches_of(work: UnitOfWork, user_id: str) -> Switches:
    """Return a user's switch and the one over everybody, as they stand."""
    query = select(TradingSwitch).where(TradingSwitch.subject.in_((user_id, SYSTEM_SUBJECT)))
    return _switches(user_id, (await work.session.scalars(query)).all())


async def check_switch(work: UnitOfWork, user_id: str, effect: Effect) -> None:
    """Refuse an order that the trading switch does not let through, and keep the switch where it stands until the end of this transaction.

    Call it in the transaction that writes the order: a halt that is committed before the order is always seen. Raises TRADING_HALTED.
    """
    query = select(TradingSwitch).where(TradingSwitch.subject.in_((user_id, SYSTEM_SUBJECT))).order_by(TradingSwitch.subject)
    query = query.with_for_update(read=True).execution_options(populate_existing=True)
    rows = (await work.session.scalars(query)).all()
    if all(row.subject != user_id for row in rows):
        # A row that is not there cannot be held: whoever moves this switch for the first time would not wait for us.
        await _make(work, user_id)
        rows = (await work.session.scalars(query)).all()
    refusal = refusal_of(_switches(user_id, rows), effect)
    if refusal is not None:
        raise refusal


def refusal_of(switches: Switches, effect: Effect) -> DomainError | None:
    """Return the refusal of an order with this effect as TRADING_HALTED; None if it is let through."""
    state = switches.effective_state
    if allows(state, effect):
        return None
    is_global = not allows(switches.everybody.state, effect)
    by = switches.everybody if is_global else switches.own
    what = "Trading is halted" if by.state is SwitchState.HALTED else "Only orders that shrink a position are taken"
    message = f"{what}{' for everybody' if is_global else ''}{f': {by.reason}' if by.reason else ''}"
    return DomainError(
        ErrorCode.TRADING_HALTED,
        message,
        state=by.state.value,
        scope="global" if is_global else "user",
        reason=by.reason,
        rule_id=by.rule_id,
    )


@audited("trading_switch.trip")
async def trip(work: UnitOfWork, user_id: str, rule_id: str, reason: str, since: datetime) -> bool:
    """Move a user's switch to `REDUCING` because a rule is broken, once: not if the rule has done so since that moment.

    A switch that is as strict already stays. It does not go back by itself. Tells whether it was moved.
    """
    entry = entry_of(work)
    entry.act_for(user_id)
    entry.about(user_id)
    change = None
    if await would_trip(work, user_id, rule_id, since):
        setting = SwitchSetting(SwitchState.REDUCING, reason[:MAX_REASON])
        change = await _move(work, user_id, setting, SwitchOrigin.RULE, rule_id, only_stricter=True)
    if change is None:
        work.forgo_record()
        return False
    work.emit(trading_switch_changed(change, user_id))
    return True


async def would_trip(work: UnitOfWork, user_id: str, rule_id: str, since: datetime) -> bool:
    """Tell whether a rule that is broken moves the user's switch: if it stands at `ACTIVE`, and the rule has not moved it since then."""
    if (await switches_of(work, user_id)).own.state is not SwitchState.ACTIVE:
        return False
    earlier = select(TradingSwitchChange.id).where(
        TradingSwitchChange.subject == user_id, TradingSwitchChange.rule_id == rule_id, TradingSwitchChange.created_at >= since
    )
    return await work.session.scalar(earlier.limit(1)) is None


async def _move(
    work: UnitOfWork,
    subject: str,
    setting: SwitchSetting,
    origin: SwitchOrigin,
    rule_id: str | None = None,
    *,
    only_stricter: bool = False,
) -> TradingSwitchChange | None:
    reason = (setting.reason or "").replace("\x00", "").strip() or None
    if reason is not None and len(reason) > MAX_REASON:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"reason must have at most {MAX_REASON} characters", field="reason")
    await _make(work, subject)
    held = select(TradingSwitch).where(TradingSwitch.subject == subject).with_for_update().execution_options(populate_existing=True)
    switch = (await work.session.scalars(held)).one()
    before = switch.state
    if before is setting.state or (only_stricter and stricter(before, setting.state) is before):
        return None
    change = TradingSwitchChange(
        id=new_id("swchange"),
        subject=subject,
        from_state=before,
        state=setting.state,
        reason=reason,
        origin=origin,
        changed_by=work.caller.user_id,
        rule_id=rule_id,
        created_at=work.now,
    )
    switch.state, switch.reason, switch.origin, switch.rule_id, switch.changed_at = setting.state, reason, origin, rule_id, work.now
    work.session.add(change)
    await work.session.flush()
    return change


async def _make(work: UnitOfWork, subject: str) -> None:
    # Of two who make it at once the second waits for the first, and finds the row.
    values = {"state": SwitchState.ACTIVE}
    await work.session.execute(upsert(work.session, TradingSwitch, {"subject": subject}, values, TradingSwitch.subject != subject))


def _switches(user_id: str, rows: Sequence[TradingSwitch]) -> Switches:
    by_subject = {row.subject: _standing(row) for row in rows}
    return Switches(by_subject.get(user_id, SwitchStanding(SwitchState.ACTIVE)), by_subject[SYSTEM_SUBJECT])


def _standing(switch: TradingSwitch) -> SwitchStanding:
    return SwitchStanding(switch.state, switch.reason, switch.origin, switch.rule_id, switch.changed_at)
