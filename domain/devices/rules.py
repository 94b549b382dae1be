"""What a device may be, how often it reports, and when its silence counts."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from domain.kernel.errors import DomainError, ErrorCode

# Source: the contract of `/v1`, 4.3: three missed reports, and five minutes at least.
MISSED_REPORTS = 3
SHORTEST_SILENCE = timedelta(seconds=300)
USUAL_INTERVAL = timedelta(minutes=15)
LONGEST_INTERVAL = timedelta(days=7)
_SECONDS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
_INTERVAL = re.compile(r"(\d{1,7})\s*([a-z]*?)s?", re.ASCII)


class DeviceType(StrEnum):
    """Kinds of devices."""

    ENERGY_METER = "energy_meter"
    SOLAR_PANEL = "solar_panel"
    INVERTER = "inverter"
    WIND_TURBINE = "wind_turbine"
    BATTERY = "battery"
    SENSOR = "sensor"
    CONTROLLER = "controller"
    EV_CHARGER = "ev_charger"
    WEATHER_STATION = "weather_station"
    TRANSFORMER = "transformer"


def reporting_interval(configuration: Mapping[str, Any]) -> timedelta:
    """Return how often the device means to report: `reporting_interval` as seconds or as `30s`, `15min`, `1h`; 15 minutes without.

    Raises VALIDATION_ERROR for anything else, and beyond 1 second to 7 days.
    """
    stated = configuration.get("reporting_interval")
    if stated is None:
        return USUAL_INTERVAL
    written = str(stated) if isinstance(stated, int | str) and not isinstance(stated, bool) else ""
    found = _INTERVAL.fullmatch(written.strip().lower())
    seconds = int(found.group(1)) * _SECONDS.get(found.group(2), 0) if found else 0
    if not 1 <= seconds <= LONGEST_INTERVAL.total_seconds():
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            "reporting_interval must be 1 second to 7 days, as seconds or as `30s`, `15min`, `1h`",
            field="configuration.reporting_interval",
        )
    return timedelta(seconds=seconds)


def silence_allowed(configuration: Mapping[str, Any]) -> timedelta:
    """Return after how long without a word the device counts as offline. Raises VALIDATION_ERROR."""
    return max(MISSED_REPORTS * reporting_interval(configuration), SHORTEST_SILENCE)
