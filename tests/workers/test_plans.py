"""The timetable knows the work of plans."""

from domain.kernel.clock import ManualClock
from domain.plans.models import SubscriptionStatus
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import operation_of_new_user
from tests.domain.plans.subscribers import subscribe, subscriptions_of, told
from workers.catalogue import timetable_entries


async def test_the_timetable_announces_and_expires_subscriptions(runtime: Runtime, system: Operation, clock: ManualClock) -> None:
    ada = await operation_of_new_user(runtime)
    await subscribe(ada, auto_renew=False)
    entries = [entry for entry in timetable_entries(runtime.settings) if entry.name.startswith("plans.")]
    for days in (28, 2):
        clock.advance(days=days)
        for entry in entries:
            await entry.function(system)
    assert len(await told(ada, "subscription.expiring")) == 1
    assert [row.status for row in await subscriptions_of(ada)] == [SubscriptionStatus.EXPIRED]
