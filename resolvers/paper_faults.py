"""Answers GraphQL's questions about the faults of paper wallets, and sets them."""

from dataclasses import asdict

import strawberry

from domain.trading import paper_faults as service
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked
from schema.paper_faults import PaperFaults, PaperFaultsInput


@strawberry.type
class PaperFaultQueries:
    @field(
        PaperFaults,
        "What goes wrong with a paper wallet's orders on script. Raises NOT_FOUND, NOT_A_PAPER_WALLET.",
        service=service.get_faults,
    )
    async def paper_faults(self, info: Info, wallet_id: strawberry.ID) -> service.WalletFaults:
        async with info.context.reading() as work:
            return await service.get_faults(work, wallet_id)


@strawberry.type
class PaperFaultMutations:
    @mutation(
        PaperFaults,
        "Have the paper venue treat a wallet's orders as a script says, from the next call on; it replaces the script there was, and "
        "counting begins anew. Raises NOT_FOUND, NOT_A_PAPER_WALLET, and VALIDATION_ERROR that names the wrong line.",
        service=service.set_faults,
    )
    async def set_paper_faults(self, info: Info, wallet_id: strawberry.ID, input: PaperFaultsInput) -> service.WalletFaults:
        body = checked(service.FaultsSetting, asdict(input))
        async with info.context.unit_of_work() as work:
            return await service.set_faults(work, wallet_id, body)

    @mutation(
        strawberry.ID,
        "Let everything go well again, and return the wallet's id. Raises NOT_FOUND, NOT_A_PAPER_WALLET.",
        service=service.clear_faults,
    )
    async def clear_paper_faults(self, info: Info, wallet_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.clear_faults(work, wallet_id)
        return wallet_id
