"""When an instrument is traded: its week, and the end of its trading day."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

WEEK, DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch of every week, from its opening until before its close; days count from Monday, 0, and times are in UTC."""

    opens_on: int
    opens_at: time
    closes_on: int
    closes_at: time

    def is_open(self, moment: datetime) -> bool:
        """Return whether the instrument is traded at this moment."""
        return self._opening(moment) <= moment.astimezone(UTC) < self._close(moment)

    def next_open(self, moment: datetime) -> datetime:
        """Return the moment itself while the session lasts, else when the next one begins."""
        now, opening = moment.astimezone(UTC), self._opening(moment)
        if now < opening:
            return opening
        return now if now < self._close(moment) else opening + WEEK

    def day_end(self, moment: datetime) -> datetime:
        """Return when the trading day of this moment ends: at midnight, or with the session; outside it, that of the next one."""
        start = self.next_open(moment)
        return min(day_end(start), self._close(start))

    def _opening(self, moment: datetime) -> datetime:
        return _in_week_of(moment, self.opens_on, self.opens_at)

    def _close(self, moment: datetime) -> datetime:
        return _in_week_of(moment, self.closes_on, self.closes_at)


# CME closes its week at 17:00 in New York, which is 22:00 UTC in winter and 21:00 in summer.
ENERGY_WEEK = Session(opens_on=0, opens_at=time(0), closes_on=4, closes_at=time(22))


def day_end(moment: datetime) -> datetime:
    """Return the next midnight in UTC."""
    return _midnight(moment) + DAY


def _in_week_of(moment: datetime, day: int, at: time) -> datetime:
    midnight = _midnight(moment)
    return midnight + (day - midnight.weekday()) * DAY + timedelta(hours=at.hour, minutes=at.minute)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
