"""The API document as a page that people read: plain HTML from the same rows, with no script and nothing from elsewhere."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<p>{description}</p>
<p>Version {version}. The same for programs: <a href="{document_path}">{document_path}</a>.</p>
<nav><ul>
{contents}
</ul></nav>
<main>
{sections}
<h2 id="models">Models</h2>
{models}
</main>
</body>
</html>
"""


def reference_page(document: Mapping[str, Any], document_path: str) -> str:
    """Return the page over an OpenAPI document, which is to be had at this path."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method.upper(), path, operation))
    info, schemas = document["info"], document["components"]["schemas"]
    return _PAGE.format(
        title=escape(info["title"]),
        description=escape(info["description"]),
        version=escape(info["version"]),
        document_path=escape(document_path),
        contents="\n".join(f'<li><a href="#{escape(tag)}">{escape(tag)}</a></li>' for tag in [*by_tag, "models"]),
        sections="\n".join(f'<h2 id="{escape(tag)}">{escape(tag)}</h2>\n' + "\n".join(found) for tag, found in by_tag.items()),
        models="\n".join(_folded(f"model-{name}", escape(name), _json(schema)) for name, schema in schemas.items()),
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"<p>{escape(operation['description'])}</p>"]
    if operation["parameters"]:
        rows = [_parameter(parameter) for parameter in operation["parameters"]]
        parts.append(_table(("Parameter", "In", "Required", "Schema", "Meaning"), rows))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h3>Body ({escape(kind)})</h3>{_schema(content['schema'])}")
    rows = [(escape(status), escape(answer["description"]), _bodies(answer)) for status, answer in operation["responses"].items()]
    parts.append(_table(("Status", "Meaning", "Answer"), rows))
    heading = f"<code>{escape(method)} {escape(path)}</code> {escape(operation['summary'])}"
    return _folded(operation["operationId"], heading, "\n".join(parts))


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, ...]:
    is_required = "yes" if parameter["required"] else "no"
    name, place, meaning = (escape(parameter.get(key, "")) for key in ("name", "in", "description"))
    return f"<code>{name}</code>", place, is_required, _schema(parameter["schema"]), meaning


def _bodies(answer: Mapping[str, Any]) -> str:
    return "".join(_schema(content["schema"]) for content in answer.get("content", {}).values() if "schema" in content)


def _schema(schema: Mapping[str, Any]) -> str:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return f'<a href="#model-{escape(name)}">{escape(name)}</a>' if name else _json(schema)


def _json(schema: Mapping[str, Any]) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}</table>"


def _folded(id: str, heading: str, content: str) -> str:
    return f'<details id="{escape(id)}"><summary>{heading}</summary>\n{content}\n</details>'
