"""What clients see of accounts: the own profile, and the tokens of a session."""

from datetime import date, datetime

import strawberry

from schema.fields import field


@strawberry.type(description="A telephone number.")
class PhoneNumber:
    country_code: str = strawberry.field(description="With or without a plus, for instance `+31`.")
    mobile_number: str = strawberry.field(description="Digits; blanks, dots, dashes, slashes and brackets may separate them.")


@strawberry.type(description="An account.")
class User:
    id: strawberry.ID = strawberry.field(description="Begins with `user_`.")
    email: str = strawberry.field(description="In lower case.")
    first_name: str = strawberry.field(description="Given name.")
    last_name: str = strawberry.field(description="Family name; may be empty.")
    name: str = strawberry.field(description="First and last name.")
    role: str = strawberry.field(description="Decides the permissions: `admin`, `user`, `viewer` and so on.")
    is_active: bool = strawberry.field(description="An account that is switched off cannot log in.")
    birthday: date | None = strawberry.field(description="Date of birth.")
    email_verified_at: datetime | None = strawberry.field(description="When the link sent to the address was followed.")
    last_login_at: datetime | None = strawberry.field(description="Last log-in with a password.")
    created_at: datetime = strawberry.field(description="When the account was made.")
    updated_at: datetime | None = strawberry.field(description="Last change of the profile.")

    @field(PhoneNumber | None, "Telephone number.")
    def phone_number(self) -> PhoneNumber | None:
        # `self` is the row: the schema's type only names its attributes.
        number: dict[str, str] | None = self.phone_number  # type: ignore[assignment]
        return PhoneNumber(**number) if number else None


@strawberry.type(description="The tokens of a session.")
class Tokens:
    access_token: str = strawberry.field(description="Goes into `Authorization: Bearer …`, or `connectionParams` of a socket.")
    refresh_token: str = strawberry.field(description="Works once, in `refreshTokens`; used again it ends the session.")
    token_type: str = strawberry.field(description="Always `bearer`.")
    expires_in: int = strawberry.field(description="Life of the access token, in seconds.")
    permissions: list[str] = strawberry.field(description="What the user may do, as `resource:action`.")
    user: User = strawberry.field(description="Whose session this is.")


@strawberry.type(description="A place where the user is logged in.")
class Session:
    id: strawberry.ID = strawberry.field(description="Begins with `session_`.")
    created_at: datetime = strawberry.field(description="When the user logged in.")
    last_seen_at: datetime = strawberry.field(description="The log-in, or the last refresh of its tokens.")
    expires_at: datetime = strawberry.field(description="When it ends unless its tokens are refreshed.")
    ip: str | None = strawberry.field(description="Where the log-in came from.")
    user_agent: str | None = strawberry.field(description="What the program that logged in calls itself.")
    is_current: bool = strawberry.field(description="Whether it is the one that asks.")


@strawberry.input(description="A telephone number: both parts, or neither to remove it.")
class PhoneNumberInput:
    country_code: str | None = strawberry.field(default=None, description="For instance `+31`.")
    mobile_number: str | None = strawberry.field(default=None, description="3 to 20 digits and separators.")


@strawberry.input(description="A new account.")
class RegisterInput:
    email: str = strawberry.field(description="At most 254 characters; taken in lower case.")
    password: str = strawberry.field(description="8 to 128 characters, none of the commonest, not the address or a part of it.")
    first_name: str = strawberry.field(description="1 to 100 characters.")
    last_name: str = strawberry.field(default="", description="At most 100 characters.")
    birthday: date | None = strawberry.field(default=None, description="At least 13 years back.")
    phone_number: PhoneNumberInput | None = strawberry.field(default=None, description="Telephone number.")


@strawberry.input(description="Changes of a profile; what is left out or null stays as it is.")
class ProfileInput:
    first_name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    last_name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    birthday: date | None = strawberry.field(default=None, description="At least 13 years back.")
    phone_number: PhoneNumberInput | None = strawberry.field(default=None, description="Telephone number.")
