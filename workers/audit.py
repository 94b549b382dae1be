"""Periodic work of the audit log: give new entries their place in the chain."""

from domain.audit.sealing import seal
from domain.runtime.settings import Settings
from workers.timetable import Entry


def entries(settings: Settings) -> tuple[Entry, ...]:
    return (Entry("audit.seal", settings.tick_seconds, seal),)
