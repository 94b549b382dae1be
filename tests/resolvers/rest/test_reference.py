"""The page on which people read the API document."""

from html.parser import HTMLParser

import httpx
import pytest

from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.reference import reference_page

EMPTY = {"info": {"title": "T", "version": "1", "description": "D"}, "paths": {}, "components": {"schemas": {}}}


class Page(HTMLParser):
    """Notes the places of a page, its links, its headings of operations, and every tag that could run or fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.codes: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.attributes |= given.keys()
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []

    def handle_data(self, data: str) -> None:
        if self.get_starttag_text() == "<code>":
            self.codes.append(data)


@pytest.mark.parametrize("path", ["/api/docs", "/api/redoc"])
async def test_page_shows_every_route_and_fetches_nothing(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page(answer.text)
    for row in API_V1_ROWS:
        assert f"{row.call.method} {row.path.replace(':path}', '}')}" in page.codes
    assert not page.tags & {"script", "style", "link", "img", "iframe", "form"} and "style" not in page.attributes
    assert len(page.ids) == len(set(page.ids))
    inside, outside = ([link for link in page.links if link.startswith("#") is is_inside] for is_inside in (True, False))
    assert {link[1:] for link in inside} <= set(page.ids)
    assert outside == ["/api/openapi.json"]
    assert (await client.get(outside[0])).status_code == 200


def test_words_of_the_document_are_text() -> None:
    evil = "<script>alert(1)</script>"
    operation = {"tags": [evil], "operationId": evil, "summary": evil, "description": evil, "parameters": [], "responses": {}}
    document = {**EMPTY, "paths": {f"/{evil}": {"get": operation}}, "components": {"schemas": {evil: {"title": evil}}}}
    assert "<script" not in reference_page(document, evil)
