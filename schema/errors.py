"""The catalogue of refusals as GraphQL shows it: the enum of codes, and a query that documents them."""

import strawberry

from domain.kernel.errors import ErrorCode
from schema.enums import graphql_enum

graphql_enum(
    ErrorCode,
    description="Why a request was refused: `extensions.code` of an error is one of these.",
    values={code.name: code.meaning for code in ErrorCode},
)


@strawberry.type(description="One reason for which a request is refused.")
class ErrorDescription:
    code: ErrorCode = strawberry.field(description="What `extensions.code` says.")
    meaning: str = strawberry.field(description="One sentence for people.")
    api_v1: int = strawberry.field(name="apiV1Status", description="HTTP status of the same refusal in the REST dialect `/api/v1`.")
    v1: int = strawberry.field(name="v1Status", description="HTTP status of the same refusal in the REST dialect `/v1`.")
