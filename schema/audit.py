"""What clients see of the audit log."""

from datetime import datetime

import strawberry

from domain.audit.verifying import Break
from domain.audit.vocabulary import ActorKind, AuditResult, Severity
from schema.enums import graphql_enum
from schema.scalars import JSON

graphql_enum(
    ActorKind,
    name="AuditActorKind",
    description="Who acted.",
    values={
        "USER": "A person.",
        "API_KEY": "A program, with a person's key.",
        "DEVICE": "A device, with its own key; `actorId` is the device.",
        "SYSTEM": "The server itself; `actorId` is the person for whom.",
        "ANONYMOUS": "Nobody who is known.",
    },
)
graphql_enum(AuditResult, description="How it went.", values={"SUCCESS": "It was done.", "FAILURE": "It was refused."})
graphql_enum(
    Severity,
    name="AuditSeverity",
    description="How much somebody should care.",
    values={
        "INFO": "Daily business.",
        "WARNING": "Something was refused.",
        "ERROR": "Something is broken.",
        "CRITICAL": "Probably an attack, for instance a token that was used twice.",
    },
)
graphql_enum(
    Break,
    name="AuditBreak",
    description="What happened to the first broken link of the chain.",
    values={
        "EDITED": "It does not say what it said when it was sealed.",
        "DELETED": "It is missing.",
        "REORDERED": "Another entry stands in its place, and it in another.",
        "INSERTED": "It was not written by this server.",
        "UNKNOWN_KEY": "It was made with a SECRET_KEY that the server does not know any more.",
    },
)


@strawberry.type(description="One act: who did what to which object, through which door, and what it changed. Entries never change.")
class AuditEntry:
    id: strawberry.ID = strawberry.field(description="Begins with `audit_`.")
    position: int | None = strawberry.field(description="Its place in the chain, from 1 on without a gap; null until it has one.")
    hash: str | None = strawberry.field(description="The link of the chain at its place; null until it has one.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    actor_kind: ActorKind = strawberry.field(
        description="Whether a person acted, a key of theirs, a device, the server, or nobody who is known."
    )
    actor_id: strawberry.ID | None = strawberry.field(description="The account of who acted, or for whom the server acted.")
    actor_email: str | None = strawberry.field(description="Its address at that time.")
    actor_role: str | None = strawberry.field(description="Its role at that time.")
    session_id: strawberry.ID | None = strawberry.field(description="The session in which it happened.")
    door: str = strawberry.field(description="For instance `graphql`, `api_v1`, `v1`, `worker`, `timetable`.")
    action: str = strawberry.field(description="`noun.verb`, for instance `flow.trigger`.")
    event_type: str = strawberry.field(description="The word of the REST API `/v1` for it, for instance `trade_order`.")
    object_type: str = strawberry.field(description="What kind of object, for instance `flow`.")
    object_id: strawberry.ID | None = strawberry.field(description="Which object; null where there is none, or several.")
    result: AuditResult = strawberry.field(description="How it went.")
    code: str | None = strawberry.field(description="The code of the refusal.")
    severity: Severity = strawberry.field(description="How much somebody should care.")
    before: JSON | None = strawberry.field(description="What changed, as it was; null for a new object. Secrets read `[redacted]`.")
    after: JSON | None = strawberry.field(description="What changed, as it is now; null for a deleted object.")
    details: JSON = strawberry.field(description="More: reasons, and under `touched` the other rows by table.")
    request_id: str = strawberry.field(description="The request, as `X-Request-ID` and the server's log name it.")
    ip: str | None = strawberry.field(description="Where the request came from.")
    user_agent: str | None = strawberry.field(description="What the client calls itself.")


@strawberry.input(description="Which entries; what is left out does not narrow.")
class AuditFilter:
    actor_id: strawberry.ID | None = strawberry.field(default=None, description="Only what this user did; the own id needs no permission.")
    action: str | None = strawberry.field(default=None, description="Only this action, for instance `order.create`.")
    object_type: str | None = strawberry.field(default=None, description="Only what was done to such objects.")
    object_id: strawberry.ID | None = strawberry.field(default=None, description="Only what was done to this object.")
    door: str | None = strawberry.field(default=None, description="Only what came through this door.")
    event_type: str | None = strawberry.field(default=None, description="Only this word of `/v1`.")
    severity: Severity | None = strawberry.field(default=None, description="Only this severity.")
    result: AuditResult | None = strawberry.field(default=None, description="Only what was done, or only what was refused.")
    from_: datetime | None = strawberry.field(default=None, name="from", description="The first moment.")
    to: datetime | None = strawberry.field(default=None, description="The last moment.")
    request_id: str | None = strawberry.field(default=None, description="Only what one request did.")


@strawberry.type(description="What a walk along the chain found.")
class AuditReport:
    is_intact: bool = strawberry.field(description="Whether every link holds.")
    checked: int = strawberry.field(description="How many links held.")
    head_position: int = strawberry.field(description="The last position of the chain.")
    head_hash: str = strawberry.field(description="Its link: keep both elsewhere, and later walks can be told to find them again.")
    broken_position: int | None = strawberry.field(description="The first position that does not hold.")
    reason: Break | None = strawberry.field(description="What happened there.")
    message: str = strawberry.field(description="The same in a sentence.")
