"""The table of devices."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.devices.machine import DeviceStatus as DeviceStatus
from domain.devices.rules import DeviceType as DeviceType
from domain.runtime.database import Base


class Device(Base):
    """A thing that reports. `device_id` is the hardware's own id, unique among its owner's; the key it reports with is kept as a digest.

    `silent_at` is when it will count as offline unless it is heard of before. A deleted device keeps its row and frees its hardware id.
    """

    __tablename__ = "devices"
    __table_args__ = (
        Index(
            "uq_devices_user_id_device_id_live",
            "user_id",
            "device_id",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_devices_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_devices_status_silent_at", "status", "silent_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    device_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(100))
    type: Mapped[DeviceType]
    location: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(String(500))
    configuration: Mapped[dict[str, Any]]
    status: Mapped[DeviceStatus]
    last_seen: Mapped[datetime | None]
    silent_at: Mapped[datetime | None]
    key_digest: Mapped[str] = mapped_column(String(64), info={"secret": True})
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def firmware_version(self) -> str | None:
        version = self.configuration.get("firmware_version")
        return None if version is None else str(version)
