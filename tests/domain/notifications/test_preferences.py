"""What people want to be told, and how."""

import asyncio

from sqlalchemy import select

from domain.notifications import preferences
from domain.notifications.kinds import DEFAULT_CHANNELS, Channel, NotificationKind
from domain.notifications.models import Preference
from domain.notifications.preferences import ChannelChanges, ChannelChoice, PreferenceChanges
from domain.runtime.operation import Operation
from tests.databases import both_databases
from tests.domain.notifications.receiver import choose


async def choices(user: Operation) -> dict[NotificationKind, ChannelChoice]:
    async with user.reading() as work:
        found = await preferences.get_preferences(work)
    assert [choice.kind for choice in found] == list(NotificationKind)
    return {choice.kind: choice for choice in found}


async def test_defaults_hold_until_somebody_wishes_otherwise(ada: Operation) -> None:
    for kind, choice in (await choices(ada)).items():
        assert {channel for channel in Channel if getattr(choice, channel.value)} == DEFAULT_CHANNELS[kind]


@both_databases
async def test_wish_changes_one_way_of_one_kind_of_one_user(ada: Operation, bob: Operation) -> None:
    before = await choices(ada)
    await choose(ada, NotificationKind.ORDER_FILLED, email=True)
    await choose(ada, NotificationKind.ORDER_FILLED, in_app=False)
    after = await choices(ada)
    assert after.pop(NotificationKind.ORDER_FILLED) == ChannelChoice(NotificationKind.ORDER_FILLED, in_app=False, email=True, webhook=True)
    assert after == {kind: choice for kind, choice in before.items() if kind is not NotificationKind.ORDER_FILLED}
    assert await choices(bob) == before


async def test_later_wish_in_one_call_wins(ada: Operation) -> None:
    async with ada.unit_of_work() as work:
        both = [ChannelChanges(NotificationKind.MANUAL, email=True), ChannelChanges(NotificationKind.MANUAL, email=False, webhook=True)]
        await preferences.update_preferences(work, PreferenceChanges(both))
    assert (await choices(ada))[NotificationKind.MANUAL] == ChannelChoice(NotificationKind.MANUAL, in_app=True, email=False, webhook=True)


@both_databases
async def test_same_wish_from_many_places_is_one_row(ada: Operation) -> None:
    await asyncio.gather(*(choose(ada, NotificationKind.MANUAL, email=True) for _ in range(8)))
    async with ada.reading() as work:
        found = (await work.session.scalars(select(Preference))).all()
    assert [(row.kind, row.channel, row.is_on) for row in found] == [(NotificationKind.MANUAL, Channel.EMAIL, True)]
