"""Requests to real servers on this machine: where they may go, how long they take, and how much is read."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.kernel.errors import ErrorCode
from domain.notifications import sender
from domain.notifications.sender import Outcome, WebhookSender
from domain.runtime.addresses import AllowedTargets
from tests.domain.notifications.receiver import BROKEN, OK, receiving, refusal_of, status
from tests.mail_server import tls_contexts

HEADERS = {"Content-Type": "application/json", "Webhook-Id": "msg_1"}


class Names:
    """A resolver that says what the test wants, one answer after the other; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), []  # type: tuple[list[list[str]], list[tuple[str, int]]]

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def local(*answers: list[str], tls: ssl.SSLContext | None = None) -> WebhookSender:
    return WebhookSender(AllowedTargets.parse("127.0.0.1", "OPENED"), Names(*(answers or (["127.0.0.1"],))), tls)


async def post(url: str, by: WebhookSender | None = None) -> Outcome:
    return await (by or local()).post(url, HEADERS, b'{"a":1}')


async def test_body_and_headers_arrive_under_the_name_of_the_host() -> None:
    async with receiving() as receiver:
        outcome = await post(f"http://hooks.example:{receiver.port}/in?x=1")
    assert (outcome.status_code, outcome.error, outcome.response, outcome.arrived) == (200, None, "thanks", True)
    (request,) = receiver.requests
    assert (request.line, request.body) == ("POST /in?x=1 HTTP/1.1", b'{"a":1}')
    assert request.headers["host"] == f"hooks.example:{receiver.port}"
    assert (request.headers["content-type"], request.headers["webhook-id"]) == ("application/json", "msg_1")


async def test_answer_that_is_no_success_is_told_with_its_beginning() -> None:
    async with receiving(BROKEN) as receiver:
        outcome = await post(receiver.url)
    assert (outcome.status_code, outcome.error, outcome.arrived) == (500, "Answered 500", False)
    assert outcome.response == "oh no\ufffd" + "x" * 1_018  # 1 KiB, and nothing that a database refuses


async def test_redirect_is_not_followed() -> None:
    async with receiving(status("302 Found", "Location: http://169.254.169.254/latest/meta-data")) as receiver:
        outcome = await post(receiver.url)
    assert (outcome.status_code, outcome.error) == (302, "Answered 302, and redirects are not followed")
    assert len(receiver.requests) == 1


async def test_large_answer_is_read_no_further_than_needed() -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while sent < 100_000_000:
            writer.write(b"y" * 65_536)
            await writer.drain()
            sent += 65_536

    async with receiving(flood) as receiver:
        outcome = await post(receiver.url)
    assert (outcome.status_code, outcome.response, outcome.error) == (200, "y" * 1_024, None)
    assert sent < 20_000_000  # what fits into the buffers on the way


async def test_answer_of_a_megabyte_is_a_success() -> None:
    async with receiving(status("200 OK", body=b"z" * 1_048_576)) as receiver:
        outcome = await post(receiver.url)
    assert (outcome.arrived, outcome.response) == (True, "z" * 1_024)


async def test_receiver_that_hangs_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "TOTAL_SECONDS", 0.3)

    async def hang(_writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")
        for _ in range(50):  # each byte comes soon enough, all of them do not
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    for answer in (hang, drip):
        async with receiving(answer) as receiver:
            began = time.monotonic()
            outcome = await post(receiver.url)
        assert (outcome.error, outcome.arrived) == ("No answer within 0.3 seconds", False)
        assert time.monotonic() - began < 2
        assert outcome.duration_ms >= 300


async def test_receiver_that_is_not_there_or_speaks_something_else_is_an_outcome() -> None:
    async with receiving(b"SSH-2.0-OpenSSH_9.9\r\n") as receiver:
        spoken = await post(receiver.url)
    absent = await post(receiver.url)
    assert (spoken.status_code, spoken.response) == (None, None)
    assert spoken.error is not None and spoken.error.startswith("The answer is not HTTP")
    assert absent.error is not None and absent.error.startswith("No connection")


async def test_name_that_changes_its_mind_is_refused_at_the_next_request() -> None:
    async with receiving() as receiver:
        by = WebhookSender(AllowedTargets.parse("127.0.0.1", "OPENED"), Names(["127.0.0.1"], ["169.254.169.254"]))
        url = f"http://rebinding.example:{receiver.port}/"
        assert (await by.post(url, HEADERS, b"{}")).arrived
        outcome = await by.post(url, HEADERS, b"{}")
    assert outcome.error == "The URL of the webhook is refused: rebinding.example leads to a link-local address, 169.254.169.254"
    assert len(receiver.requests) == 1


async def test_connection_goes_to_the_address_that_was_checked() -> None:
    # The name is asked for once: there is no second look-up in which it could lead elsewhere.
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with receiving() as receiver:
        outcome = await WebhookSender(AllowedTargets.parse("127.0.0.1", "OPENED"), names).post(
            f"http://localhost:{receiver.port}/", HEADERS, b"{}"
        )
    assert (outcome.arrived, names.asked) == (True, [("localhost", receiver.port)])


async def test_one_refused_address_among_many_refuses_the_name() -> None:
    async with receiving() as receiver:
        outcome = await post(f"http://mixed.example:{receiver.port}/", local(["127.0.0.1", "10.0.0.1"]))
    assert outcome.error == "The URL of the webhook is refused: mixed.example leads to a private address, 10.0.0.1"
    assert receiver.requests == []


async def test_next_address_is_tried_where_the_first_does_not_answer() -> None:
    async with receiving() as receiver:
        by = WebhookSender(AllowedTargets.parse("127.0.0.0/8", "OPENED"), Names(["127.0.0.2", "127.0.0.1"]))
        outcome = await by.post(f"http://two.example:{receiver.port}/", HEADERS, b"{}")
    assert (outcome.arrived, len(receiver.requests)) == (True, 1)


async def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert (await post(receiver.url)).arrived
    assert (len(proxy.requests), len(receiver.requests)) == (0, 1)


async def test_certificate_must_be_of_the_name_and_not_of_the_address(tmp_path: Path) -> None:
    server, client = tls_contexts(tmp_path)  # for 127.0.0.1
    async with receiving(OK, tls=server) as receiver:
        right = await post(f"https://127.0.0.1:{receiver.port}/", local(tls=client))
        wrong = await post(f"https://hooks.example:{receiver.port}/", local(tls=client))
        unknown = await post(f"https://127.0.0.1:{receiver.port}/", local())
    assert right.arrived
    assert wrong.error is not None and "hooks.example" in wrong.error
    assert unknown.error is not None and "certificate" in unknown.error
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://hooks.example/", "it must begin with https:// or http:// and name a host"),
        ("javascript:alert(1)", "it must begin with https:// or http:// and name a host"),
        ("//hooks.example/", "it must begin with https:// or http:// and name a host"),
        ("https://", "it must begin with https:// or http:// and name a host"),
        ("hooks", "it must begin with https:// or http:// and name a host"),
        ("https://ada:pw@hooks.example/", "it must not hold a user name or a password"),
        ("https://@hooks.example/", "it must not hold a user name or a password"),
        ("https://hooks.example/#x", "it must not have a fragment"),
        ("https://hooks.example/ x", "it has blanks, backslashes or control characters in it"),
        ("https://hooks.example\\@evil.example/", "it has blanks, backslashes or control characters in it"),
        ("https://hooks.example/\r\nX: y", "it has blanks, backslashes or control characters in it"),
        ("https://hooks.example:99999/", "port 99999 is none of 80, 443 and 8000 to 65535"),
        ("https://hooks.example:80x/", "it is not a URL"),
        ("https://１２７.0.0.1/", "it is not a URL"),
        ("https://hooks.example:22/", "port 22 is none of 80, 443 and 8000 to 65535"),
        ("http://hooks.example:6379/", "port 6379 is none of 80, 443 and 8000 to 65535"),
        ("https://hooks.example/" + "x" * 2_000, "it has more than 2000 characters"),
    ],
)
async def test_url_that_is_not_one_is_refused_with_the_reason(url: str, why: str) -> None:
    names = Names(["127.0.0.1"])
    refusal = await refusal_of(WebhookSender(AllowedTargets(), names).check(url))
    assert (refusal.code, refusal.details["reason"]) == (ErrorCode.WEBHOOK_URL_REFUSED, why)
    assert names.asked == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "017700000001", "0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
     "169.254.169.254", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1", "127.0.0.1."],
)  # fmt: skip
async def test_no_spelling_of_an_inner_address_passes(host: str) -> None:
    refusal = await refusal_of(WebhookSender(AllowedTargets()).check(f"http://{host}/"))
    assert refusal.code is ErrorCode.WEBHOOK_URL_REFUSED
    assert "address" in str(refusal.details["reason"]) or "there is no host" in str(refusal.details["reason"])


async def test_name_that_leads_nowhere_is_refused() -> None:
    async def nowhere(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    refusal = await refusal_of(WebhookSender(AllowedTargets(), nowhere).check("https://nowhere.example/"))
    assert refusal.details["reason"] == "there is no host nowhere.example"
    for answer, count in (([], 0), ([f"93.184.216.{n}" for n in range(33)], 33)):
        refusal = await refusal_of(WebhookSender(AllowedTargets(), Names(answer)).check("https://odd.example/"))
        assert refusal.details["reason"] == f"odd.example leads to {count} addresses"


async def test_public_name_passes_with_its_first_addresses_ipv4_before_ipv6() -> None:
    by = WebhookSender(AllowedTargets(), Names(["2606:4700::1", "93.184.216.34", "93.184.216.34", "93.184.216.35", "2606:4700::2"]))
    target = await by.check("https://hooks.example/x")
    assert [str(address) for address in target.addresses] == ["93.184.216.34", "93.184.216.35", "2606:4700::1"]
