"""Prepares and runs GraphQL operations, the same for HTTP, server-sent events and sockets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from inspect import isawaitable
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    ValidationRule,
    execute,
    parse,
    specified_rules,
    subscribe,
)
from strawberry.schema.schema import validate_document

from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.allowances import give_back, spend
from domain.runtime.operation import Operation
from domain.runtime.rate_limits import Draw
from domain.runtime.settings import Settings
from resolvers.graphql_door.cost import CostModel, PricedOperation
from resolvers.graphql_door.errors import note_refusals
from resolvers.graphql_door.limits import Limits, check_limits
from schema.context import GraphQLContext

CACHED_DOCUMENTS = 512
# Longer texts are parsed each time, so that the cache stays within some tens of megabytes.
MAX_CACHED_LENGTH = 20_000
MAX_COERCION_ERRORS = 20
MAX_VARIABLE_DEPTH = 20


class Refused(Exception):
    """The operation does not start, for these reasons."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(*errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What a client sends, over whichever transport."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None

    @classmethod
    def of(cls, message: object) -> "OperationRequest":
        """Return the request in a decoded JSON message; raises BAD_REQUEST that names the ill-formed part."""
        if not isinstance(message, Mapping):
            raise _bad_request("The request must be a JSON object; batches are not supported", "body")
        query = message.get("query")
        if not isinstance(query, str) or not query.strip():
            raise _bad_request("`query` must be a string with a GraphQL document", "query")
        for name, kind, shape in (("variables", dict, "an object"), ("operationName", str, "a string"), ("extensions", dict, "an object")):
            if not isinstance(message.get(name), kind | None):
                raise _bad_request(f"`{name}` must be {shape} or null", name)
        _check_text(message.get("variables"))
        return cls(query, message.get("variables"), message.get("operationName"))


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that passed every check that does not depend on its caller."""

    document: DocumentNode
    type: OperationType
    variables: dict[str, Any] | None
    name: str | None
    priced: PricedOperation
    cost: int  # the most that it can cost


class Engine:
    """The schema with its limits; documents that were checked once are remembered."""

    def __init__(self, schema: strawberry.Schema, settings: Settings) -> None:
        self.schema = schema
        self.limits = Limits.of(settings)
        self._graphql = schema._schema
        self._executor = schema.execution_context_class
        self._prices = CostModel(schema._schema)
        self._checked_before = lru_cache(CACHED_DOCUMENTS)(self._check)

    def prepare(self, request: OperationRequest) -> Prepared:
        """Return the operation ready to run; raises Refused with everything that is wrong with it."""
        check = self._checked_before if len(request.query) <= MAX_CACHED_LENGTH else self._check
        document, prices, errors = check(request.query)
        if document is None or errors:
            raise Refused(*errors)
        operation = _operation(document, request.operation_name)
        priced = prices[operation.name.value if operation.name else None]
        cost = priced.estimate(request.variables)
        return Prepared(document, operation.operation, request.variables, request.operation_name, priced, cost)

    async def execute(self, operation: Prepared, context: GraphQLContext) -> ExecutionResult:
        """Return the answer of a query or mutation; failures are among its errors, and never raised.

        Raises Refused, before anything is looked up, if the caller cannot pay for it; what it has cost less is given back.
        """
        draw = await _paid(operation, context)
        result = await self._executed(operation, context)
        if draw is not None:
            failures = [error.path for error in result.errors or () if error.path is not None]
            actual = operation.priced.actual(operation.variables, result.data, failures)
            left = await give_back(context.operation, draw, operation.cost - actual)
            result.extensions = {"cost": cost_of(operation.cost, actual, left)}
        return result

    async def _executed(self, operation: Prepared, context: GraphQLContext) -> ExecutionResult:
        result = execute(
            self._graphql,
            operation.document,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.name,
            executor_class=self._executor,
            max_coercion_errors=MAX_COERCION_ERRORS,
        )
        executed = await result if isawaitable(result) else result
        await note_refusals(context.operation, executed.errors or ())
        return executed

    async def subscribe(self, operation: Prepared, context: GraphQLContext) -> AsyncIterator[ExecutionResult]:
        """Return the answers of a subscription as they come. Raises Refused; iterating raises whatever ends the stream.

        It is paid for when it begins, once: what happens later is the user's own doing, and being told is cheaper than asking.
        """
        await _paid(operation, context)
        result = subscribe(
            self._graphql,
            operation.document,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.name,
            executor_class=self._executor,
            max_coercion_errors=MAX_COERCION_ERRORS,
        )
        stream = await result if isawaitable(result) else result
        if isinstance(stream, ExecutionResult):
            await note_refusals(context.operation, stream.errors or ())
            raise Refused(*(stream.errors or ()))
        return _noting(stream, context.operation)

    def _check(self, query: str) -> tuple[DocumentNode | None, Mapping[str | None, PricedOperation], tuple[Exception, ...]]:
        try:
            document = parse(query, max_tokens=self.limits.tokens)
            check_limits(document, self.limits)
        except (GraphQLError, DomainError) as error:
            return None, {}, (error,)
        errors = tuple(validate_document(self._graphql, document, (*specified_rules, _NoNulCharacters)))
        return document, {} if errors else self._prices.operations(document), errors


async def _paid(operation: Prepared, context: GraphQLContext) -> Draw | None:
    try:
        return await spend(context.operation, operation.cost)
    except DomainError as refusal:
        raise Refused(refusal) from None


def cost_of(requested: int, actual: int, left: Draw) -> dict[str, int]:
    """Return what an answer says of its cost."""
    bucket = left.bucket
    return {
        "requested": requested,
        "actual": actual,
        "limit": bucket.size,
        "remaining": left.remaining,
        "restorePerSecond": bucket.restored_per_second,
    }


async def _noting(stream: AsyncIterator[ExecutionResult], operation: Operation) -> AsyncIterator[ExecutionResult]:
    async with aclosing(stream):  # type: ignore[type-var]
        try:
            async for result in stream:
                await note_refusals(operation, result.errors or ())
                yield result
        except DomainError as refusal:
            await note_refusals(operation, [refusal])
            raise


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None and len(operations) == 1:
        return operations[0]
    for operation in operations:
        if name is not None and operation.name is not None and operation.name.value == name:
            return operation
    if name is None:
        raise Refused(_bad_request("The document has several operations: name one in `operationName`", "operationName"))
    raise Refused(_bad_request(f"There is no operation named {name[:80]!r} in the document", "operationName"))


def _check_text(value: object, depth: int = 0) -> None:
    # No database stores NUL characters, and nothing here is nested that deep.
    if isinstance(value, str):
        if "\0" in value:
            raise _bad_request("Text must not contain NUL characters", "variables")
    elif isinstance(value, dict | list):
        if depth > MAX_VARIABLE_DEPTH:
            raise _bad_request(f"`variables` must not be nested deeper than {MAX_VARIABLE_DEPTH} levels", "variables")
        for item in value.values() if isinstance(value, dict) else value:
            _check_text(item, depth + 1)


class _NoNulCharacters(ValidationRule):
    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        if "\0" in node.value:
            self.report_error(GraphQLError("Text must not contain NUL characters", node))


def _bad_request(message: str, field: str) -> DomainError:
    return DomainError(ErrorCode.BAD_REQUEST, message, field=field)
