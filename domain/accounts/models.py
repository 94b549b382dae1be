"""Tables of accounts: roles and permissions, users, their sessions, tokens and API keys, the links mailed to them, failed guesses."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, String, func, select, text
from sqlalchemy.orm import Mapped, column_property, mapped_column

from domain.runtime.database import Base


class PermissionRow(Base):
    """A permission, `resource:action`. A deleted one keeps its row, counts no longer, and its name is free again."""

    __tablename__ = "permissions"
    __table_args__ = (
        Index(
            "uq_permissions_resource_action_live",
            "resource",
            "action",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_permissions_created_at_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    resource: Mapped[str] = mapped_column(String(50))
    action: Mapped[str] = mapped_column(String(50))
    description: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def name(self) -> str:
        return f"{self.resource}:{self.action}"


class RolePermission(Base):
    """Says that a role has a permission."""

    __tablename__ = "role_permissions"
    role_id: Mapped[str] = mapped_column(String(40), ForeignKey("roles.id"), primary_key=True)
    permission_id: Mapped[str] = mapped_column(String(40), ForeignKey("permissions.id"), primary_key=True, index=True)


class Role(Base):
    """A bundle of permissions under a name. A deleted one keeps its row and its members, who may do nothing; its name is free again."""

    __tablename__ = "roles"
    __table_args__ = (
        Index(
            "uq_roles_name_live",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_roles_created_at_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class User(Base):
    """An account. A deleted one keeps its row and frees its e-mail address.

    `role` is the name of the role, read with the row; to give another one, set `role_id`. `permission_words` is a set of the
    user's own, as it was put, that takes the place of the role's.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index(
            "uq_users_email_live",
            "email",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))  # trimmed and in lower case
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    birthday: Mapped[date | None] = mapped_column(Date)
    phone_number: Mapped[dict[str, Any] | None]
    # No foreign key: roles are never erased, and SQLite could not drop the column again.
    role_id: Mapped[str | None] = mapped_column(String(40), index=True)
    role: Mapped[str] = column_property(
        func.coalesce(select(Role.name).where(Role.id == role_id).correlate_except(Role).scalar_subquery(), ""), expire_on_flush=False
    )
    permission_words: Mapped[list[Any] | None]
    is_superuser: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str] = mapped_column(info={"secret": True})
    email_verified_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Session(Base):
    """One log-in: all tokens of it die together."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]  # the log-in or the last refresh
    ip: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    revoked_at: Mapped[datetime | None]
    revoke_reason: Mapped[str | None] = mapped_column(String(40))


class ApiKey(Base):
    """A key for a program of the user; its secret is kept only as a digest. `permissions` is the most it may do, by name."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_user_id_created_at_id", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), info={"secret": True})
    permissions: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    @property
    def prefix(self) -> str:
        return f"tw_{self.id.removeprefix('key_')}"


class RefreshToken(Base):
    """A refresh token by its `jti`; one that was used before gives its thief away."""

    __tablename__ = "refresh_tokens"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class MailedToken(Base):
    """A single-use token sent by mail, kept only as a digest; `purpose` is `verify_email` or `reset_password`."""

    __tablename__ = "mailed_tokens"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True, info={"secret": True})
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasswordFailures(Base):
    """Recent wrong passwords for one address from one place, both told by the digest `key` only."""

    __tablename__ = "password_failures"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failed_at: Mapped[list[Any]]
    locked_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(index=True)
