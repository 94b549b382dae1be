"""Periodic work of devices: notice those that have fallen silent."""

from domain.devices.liveness import notice_silence
from domain.runtime.settings import Settings
from workers.timetable import Entry


def entries(settings: Settings) -> tuple[Entry, ...]:
    return (Entry("devices.notice_silence", settings.tick_seconds, notice_silence),)
