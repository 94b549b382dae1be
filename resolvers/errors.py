"""Answers what each error code means."""

from collections.abc import Iterable

import strawberry

from domain.kernel.errors import ErrorCode
from schema.errors import ErrorDescription
from schema.fields import field


@strawberry.type
class ErrorQueries:
    @field(
        list[ErrorDescription],
        "Every reason for which a request can be refused, on any door. Open without a token.",
    )
    def error_catalogue(self) -> Iterable[ErrorDescription]:
        return [ErrorDescription(code=code, meaning=code.meaning, api_v1=code.api_v1, v1=code.v1) for code in ErrorCode]
