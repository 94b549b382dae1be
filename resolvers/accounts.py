"""Answers GraphQL's questions about accounts: one's own with its sessions and password, and those of others for administrators."""

import strawberry

from domain.accounts import administration, models, open_sessions, profile, service, sessions
from schema.accounts import PhoneNumberInput, ProfileInput, RegisterInput, Session, Tokens, User
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation


@strawberry.type
class AccountQueries:
    @field(User, "The caller's own account.", service=service.get_me)
    async def me(self, info: Info) -> models.User:
        async with info.context.reading() as work:
            return await service.get_me(work)

    sessions = listing(Session, "Where the caller is logged in, newest first.", open_sessions.page_of_sessions)

    @field(User | None, "Somebody's account. Raises NOT_FOUND.", service=administration.get_user)
    async def user(self, info: Info, id: strawberry.ID) -> models.User:
        async with info.context.reading() as work:
            return await administration.get_user(work, id)

    users = listing(User, "All accounts, newest first.", administration.page_of_users)


@strawberry.type
class AccountMutations:
    @mutation(
        User,
        "Make an account; its paper wallet is there at once. Open without a token. "
        "Raises EMAIL_TAKEN, WEAK_PASSWORD, VALIDATION_ERROR, RATE_LIMIT_EXCEEDED.",
        service=service.register,
    )
    async def register(self, info: Info, input: RegisterInput) -> models.User:
        return await service.register(
            info.context.operation,
            email=input.email,
            password=input.password,
            first_name=input.first_name,
            last_name=input.last_name,
            birthday=input.birthday,
            phone_number=_phone_number(input.phone_number),
        )

    @mutation(
        Tokens,
        "Open a session with e-mail address and password; after five failures within 15 minutes nothing is tried for 15 minutes. "
        "Open without a token. Raises INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS (with `retry_after`, in seconds), EMAIL_UNVERIFIED, "
        "ACCOUNT_INACTIVE, and RATE_LIMIT_EXCEEDED however many addresses are tried from one place.",
        service=service.log_in,
    )
    async def log_in(self, info: Info, email: str, password: str) -> sessions.Tokens:
        return await service.log_in(info.context.operation, email, password)

    @mutation(
        Tokens,
        "Exchange a refresh token for new tokens; the old one dies, and using it again ends the session. Open without a token. "
        "Raises INVALID_REFRESH_TOKEN, RATE_LIMIT_EXCEEDED.",
        service=service.refresh,
    )
    async def refresh_tokens(self, info: Info, refresh_token: str) -> sessions.Tokens:
        return await service.refresh(info.context.operation, refresh_token)

    @mutation(
        bool,
        "End the session of the access token, or all sessions of the user: its tokens fail from now on, its sockets close.",
        service=service.log_out,
    )
    async def log_out(self, info: Info, all_sessions: bool = False) -> bool:
        async with info.context.unit_of_work() as work:
            await service.log_out(work, all_sessions)
        return True

    @mutation(
        bool,
        "Confirm the address that a link was mailed to; repeating it does no harm. Open without a token. "
        "Raises LINK_INVALID, LINK_EXPIRED, NOT_FOUND, RATE_LIMIT_EXCEEDED.",
        service=service.verify_email,
    )
    async def verify_email(self, info: Info, token: str) -> bool:
        await service.verify_email(info.context.operation, token)
        return True

    @mutation(
        bool,
        "Have the link that confirms the address mailed once more, if an account with it still waits for that; the answer is the same "
        "if not. Open without a token. Raises VALIDATION_ERROR, RATE_LIMIT_EXCEEDED.",
        service=service.resend_verification,
    )
    async def resend_verification(self, info: Info, email: str) -> bool:
        await service.resend_verification(info.context.operation, email)
        return True

    @mutation(
        bool,
        "Have a link that sets a new password mailed to the address, if an account has it; the answer is the same if not. "
        "Open without a token. Raises VALIDATION_ERROR, RATE_LIMIT_EXCEEDED.",
        service=service.forgot_password,
    )
    async def forgot_password(self, info: Info, email: str) -> bool:
        await service.forgot_password(info.context.operation, email)
        return True

    @mutation(
        bool,
        "Set a new password by the link from a mail, once; all sessions of the account end. Open without a token. "
        "Raises LINK_INVALID, LINK_EXPIRED, NOT_FOUND, WEAK_PASSWORD, RATE_LIMIT_EXCEEDED.",
        service=service.reset_password,
    )
    async def reset_password(self, info: Info, token: str, new_password: str) -> bool:
        await service.reset_password(info.context.operation, token, new_password)
        return True

    @mutation(
        strawberry.ID,
        "End one of the caller's sessions and return its id: its tokens fail from now on, its sockets close. Raises NOT_FOUND.",
        service=open_sessions.revoke_session,
    )
    async def revoke_session(self, info: Info, session_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await open_sessions.revoke_session(work, session_id)
        return session_id

    @mutation(
        int,
        "End all of the caller's sessions but the one that asks, and return how many.",
        service=open_sessions.revoke_other_sessions,
    )
    async def revoke_other_sessions(self, info: Info) -> int:
        async with info.context.unit_of_work() as work:
            return await open_sessions.revoke_other_sessions(work)

    @mutation(
        User,
        "Set another password; all other sessions end. Raises WRONG_PASSWORD, TOO_MANY_ATTEMPTS, WEAK_PASSWORD.",
        service=service.change_password,
    )
    async def change_password(self, info: Info, current_password: str, new_password: str) -> models.User:
        return await service.change_password(info.context.operation, current_password, new_password)

    @mutation(User, "Change the own profile. Raises VALIDATION_ERROR.", service=service.update_me)
    async def update_me(self, info: Info, input: ProfileInput) -> models.User:
        async with info.context.unit_of_work() as work:
            return await service.update_me(work, _changes(input))

    @mutation(
        bool,
        "Delete the own account: its sessions end, its address is free again, what it did stays on record.",
        service=service.delete_me,
    )
    async def delete_me(self, info: Info) -> bool:
        async with info.context.unit_of_work() as work:
            await service.delete_me(work)
        return True

    @mutation(
        User,
        "Change somebody's profile; a superuser's only as a superuser. Raises NOT_FOUND, VALIDATION_ERROR.",
        service=administration.update_user,
    )
    async def update_user(self, info: Info, user_id: strawberry.ID, input: ProfileInput) -> models.User:
        async with info.context.unit_of_work() as work:
            return await administration.update_user(work, user_id, _changes(input))

    @mutation(
        strawberry.ID,
        "Delete somebody's account and return its id; its sessions end at once. A superuser's only as a superuser. Raises NOT_FOUND.",
        service=administration.delete_user,
    )
    async def delete_user(self, info: Info, user_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await administration.delete_user(work, user_id)
        return user_id


def _changes(input: ProfileInput) -> profile.ProfileChanges:
    return profile.ProfileChanges(input.first_name, input.last_name, input.birthday, _phone_number(input.phone_number))


def _phone_number(input: PhoneNumberInput | None) -> profile.PhoneNumber | None:
    return profile.PhoneNumber(input.country_code, input.mobile_number) if input else None
