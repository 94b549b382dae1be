"""What a refused call says."""

from collections.abc import Awaitable

import pytest

from domain.kernel.errors import DomainError, ErrorCode


async def code_of(call: Awaitable[object]) -> ErrorCode:
    """Return the code with which the call is refused; a call that is not refused fails the test."""
    with pytest.raises(DomainError) as refusal:
        await call
    return refusal.value.code
