"""What keeps a record of an operation, as the plumbing sees it; the audit log is what stands behind it."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from domain.runtime.unit_of_work import UnitOfWork


class Recorder(Protocol):
    """Follows the transactions of one service, and tells in one of them what was done."""

    def watch(self, work: "UnitOfWork") -> None:
        """Look at the rows that this transaction changes, from now on."""
        ...

    async def write(self, work: "UnitOfWork") -> None:
        """Add to the transaction what there is to tell of it, just before it commits."""
        ...

    def committed(self) -> None:
        """Take note that what was written last is there for good."""
        ...

    def forgo(self) -> None:
        """Tell nothing: the request is answered with what an earlier, equal one made."""
        ...
