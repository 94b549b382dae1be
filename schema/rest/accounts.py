"""Accounts as the REST dialects show them, and the bodies they take."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, Field
from pydantic_core import PydanticCustomError

from domain.accounts.models import User
from domain.accounts.profile import MAX_EMAIL, PhoneNumber, ProfileChanges
from domain.accounts.service import split_name
from domain.accounts.sessions import Tokens
from domain.accounts.words import words_of
from schema.rest.dialects import FieldError, InvalidInput

Email = Annotated[str, Field(max_length=MAX_EMAIL)]
Password = Annotated[str, Field(max_length=200)]
Name = Annotated[str, Field(max_length=100)]
MailedToken = Annotated[str, Field(max_length=200)]
SignedToken = Annotated[str, Field(max_length=4096)]
AVATAR = "https://ui-avatars.com/api/?name={initial}&size=200&background=random"


@dataclass(frozen=True, slots=True)
class Birthday:
    day: Annotated[int, Field(ge=1, le=31)]
    month: Annotated[int, Field(ge=1, le=12)]
    year: Annotated[int, Field(ge=1900, le=9999)]

    def __post_init__(self) -> None:
        try:
            self.as_date()
        except ValueError:
            raise PydanticCustomError("date_invalid", "There is no such day") from None

    def as_date(self) -> date:
        return date(self.year, self.month, self.day)

    @classmethod
    def of(cls, birthday: date) -> "Birthday":
        return cls(birthday.day, birthday.month, birthday.year)


# /api/v1


@dataclass(frozen=True, slots=True)
class RegisterBody:
    email: Email
    password: Password
    first_name: Name
    last_name: Annotated[str, Field(min_length=1, max_length=100)]
    birthday: Birthday | None = None
    phone_number: PhoneNumber | None = None

    def arguments(self) -> dict[str, Any]:
        return {
            "email": self.email,
            "password": self.password,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "birthday": self.birthday and self.birthday.as_date(),
            "phone_number": self.phone_number,
        }


@dataclass(frozen=True, slots=True)
class LoginBody:
    email: Email
    password: Password


@dataclass(frozen=True, slots=True)
class RefreshBody:
    refresh_token: SignedToken


@dataclass(frozen=True, slots=True)
class ForgotPasswordBody:
    email: Email


@dataclass(frozen=True, slots=True)
class ResetPasswordBody:
    token: MailedToken
    password: Annotated[Password, Field(validation_alias=AliasChoices("password", "new_password"))]


@dataclass(frozen=True, slots=True)
class ProfileBody:
    first_name: Name | None = None
    last_name: Name | None = None
    birthday: Birthday | None = None
    phone_number: PhoneNumber | None = None

    def arguments(self) -> dict[str, Any]:
        birthday = self.birthday.as_date() if self.birthday else None
        return {"changes": ProfileChanges(self.first_name, self.last_name, birthday, self.phone_number)}


@dataclass(frozen=True, slots=True)
class RegisteredView:
    id: str
    email: str
    first_name: str
    last_name: str
    is_verified: bool

    @classmethod
    def of(cls, user: User) -> "RegisteredView":
        return cls(user.id, user.email, user.first_name, user.last_name, user.email_verified_at is not None)


@dataclass(frozen=True, slots=True)
class TokensView:
    access_token: str
    refresh_token: str
    token_type: str


@dataclass(frozen=True, slots=True)
class ProfileView:
    id: str
    email: str
    first_name: str
    last_name: str
    birthday: Birthday | None
    avatar_url: str
    phone_number: dict[str, Any] | None
    user_role: str | None
    is_active: bool
    is_verified: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> "ProfileView":
        return cls(
            id=user.id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            birthday=Birthday.of(user.birthday) if user.birthday else None,
            avatar_url=_avatar_of(user),
            phone_number=user.phone_number,
            user_role=user.role_id,
            is_active=user.is_active,
            is_verified=user.email_verified_at is not None,
            created_at=user.created_at,
            updated_at=user.updated_at or user.created_at,
        )


@dataclass(frozen=True, slots=True)
class DeletedUserView:
    """The answer to deleting one's account."""

    message: str
    user_id: str

    @classmethod
    def of(cls, user: User) -> "DeletedUserView":
        return cls("User deleted successfully", user.id)


@dataclass(frozen=True, slots=True)
class UserListItemView:
    id: str
    email: str
    first_name: str
    last_name: str
    avatar_url: str
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserListItemView":
        return cls(user.id, user.email, user.first_name, user.last_name, _avatar_of(user), user.created_at)


def _avatar_of(user: User) -> str:
    return AVATAR.format(initial=user.first_name[:1].upper() if user.first_name[:1].isalnum() else "U")


@dataclass(frozen=True, slots=True)
class OpenSessionView:
    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    is_current: bool


# /v1


@dataclass(frozen=True, slots=True)
class LoginBodyV1:
    email: Annotated[Email, Field(validation_alias=AliasChoices("email", "username"))]
    password: Password
    remember_me: bool = False

    def arguments(self) -> dict[str, Any]:
        return {"email": self.email, "password": self.password}


@dataclass(frozen=True, slots=True)
class RegisterBodyV1:
    email: Email
    password: Password
    name: Annotated[Name | None, Field(validation_alias=AliasChoices("name", "full_name"))] = None
    first_name: Name | None = None
    last_name: Name | None = None
    role: Annotated[str | None, Field(max_length=40)] = None

    def arguments(self) -> dict[str, Any]:
        if not (self.name or self.first_name or "").strip():
            raise InvalidInput([FieldError("missing", ("body", "name"), "Field required")])
        first, last = split_name(self.name or f"{self.first_name} {self.last_name or ''}")
        if not self.name:
            first, last = (self.first_name or "").strip(), (self.last_name or "").strip()
        return {"email": self.email, "password": self.password, "first_name": first, "last_name": last, "role": self.role}


@dataclass(frozen=True, slots=True)
class ChangePasswordBody:
    current_password: Password
    new_password: Password


@dataclass(frozen=True, slots=True)
class RevokeBody:
    """Either the session to end, or that all others shall end."""

    session_id: Annotated[str | None, Field(max_length=40)] = None
    all_others: bool = False

    def __post_init__(self) -> None:
        if (self.session_id is not None) == self.all_others:
            raise PydanticCustomError("missing", "either session_id or all_others is required")


@dataclass(frozen=True, slots=True)
class RevokedView:
    message: str
    revoked: int


@dataclass(frozen=True, slots=True)
class LogoutBody:
    all_sessions: bool = False


@dataclass(frozen=True, slots=True)
class UserView:
    id: str
    email: str
    name: str
    role: str
    created_at: datetime
    last_login: datetime | None
    is_active: bool

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(user.id, user.email, user.name, user.role, user.created_at, user.last_login_at, user.is_active)


@dataclass(frozen=True, slots=True)
class SessionView:
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: UserView
    permissions: list[str]

    @classmethod
    def of(cls, tokens: Tokens) -> "SessionView":
        user = UserView.of(tokens.user)
        words = words_of(tokens.permissions, tokens.user.permission_words or ())
        return cls(tokens.access_token, tokens.refresh_token, tokens.token_type, tokens.expires_in, user, words)
