"""The API: OpenAPI 3.1 over the same services and selectors as the pages.

Every operation answers errors as problem+json (RFC 9457) by the one table in ``web.errors``; what an operation can answer is
written into the document here, once for all of them.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, NoReturn

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, reverse
from ninja import Field, NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.security import HttpBearer, SessionAuth

from zhizhi.apps import gate
from zhizhi.apps.actors import Permission
from zhizhi.web import errors

APPS = ("accounts", "journal", "jobs", "catalogue", "casework", "assistance")
ALWAYS = {
    400: "The request cannot be understood: an unknown filter, a body that is not JSON, a cursor of another list.",
    401: "Nobody is logged in, or the token is not known, has expired or was revoked.",
    403: "The post or token has no permission for this.",
    404: "There is no such thing, or the post does not see it.",
    422: "What was sent breaks a rule; `errors` or `params` say which.",
    429: "Too many requests in this minute; `Retry-After` says how many seconds to wait.",
    503: "Something that is needed is not there just now; `Retry-After` says when to try again.",
}
ON_WRITES = {
    409: "Somebody else was first, or the same thing was sent twice; nothing was overwritten.",
    413: "What was sent is larger than allowed.",
}


class Fault(Schema):
    """One thing that is wrong with what was sent: where it stands and which rule it breaks."""

    where: str
    rule: str
    message: str


class Problem(Schema):
    """An error (RFC 9457). ``code`` is stable and ``params`` are its values; ``detail`` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    params: dict[str, str] = Field(default_factory=dict)
    errors: list[Fault] = Field(default_factory=list)


class StrictParser(Parser):
    """Takes JSON as RFC 8259 and the databases have it: no NaN, no NUL, no half of a surrogate pair, no bottomless nesting."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the JSON that was sent."""
        try:
            seen = json.loads(request.body, parse_constant=_not_json)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        if b"\\u" in request.body or b"\0" in request.body:
            _check_text(seen)
        return seen


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise ValueError("a text may not contain NUL")
    elif isinstance(value, dict):
        for name, part in value.items():
            _check_text(name)
            _check_text(part)
    elif isinstance(value, list):
        for part in value:
            _check_text(part)


class Token(HttpBearer):
    """An API token, sent as ``Authorization: Bearer zz_…``; the middleware has already looked it up."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Return the actor of the token, or None."""
        return getattr(request, "actor", None) if getattr(request, "token", None) else None


class Session(SessionAuth):
    """The session of a browser; every change needs the CSRF token in ``X-CSRFToken``."""

    def __call__(self, request: HttpRequest) -> Any:
        """Return the person who is logged in, or None; check the CSRF token of those who are."""
        return super().__call__(request) if request.user.is_authenticated else None


class Document(OpenAPISchema):
    """What ninja makes of the routes, but every schema named after its app: two apps may both have a ``PostOut``."""

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        """Return the part of one operation, and keep the schemas that it names."""
        kept, self.schemas = self.schemas, {}
        details = super().operation_details(operation)
        _, floor, *rest = operation.view_func.__module__.split(".")
        app = rest[0] if floor == "apps" else floor
        names = {f"#/components/schemas/{name}": f"#/components/schemas/{app}.{name}" for name in self.schemas}
        found = {f"{app}.{name}": _renamed(schema, names) for name, schema in self.schemas.items()}
        self.schemas = kept | found
        renamed: dict[str, Any] = _renamed(details, names)
        return renamed


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: names.get(part, part) if key == "$ref" else _renamed(part, names) for key, part in node.items()}
    return [_renamed(part, names) for part in node] if isinstance(node, list) else node


class Api(NinjaAPI):
    """The API with the house's errors, its document kept behind the gate, and every answer in it."""

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> OpenAPISchema:
        """Return the document: what ninja makes of the routes, and every error that a route can answer."""
        document = Document(self, path_prefix or self.get_root_path(path_params or {}))
        document["components"]["schemas"] |= _schemas_of(Problem)
        for path in document["paths"].values():
            for method, operation in path.items():
                answers = operation["responses"]
                for status, why in (ALWAYS | ({} if method == "get" else ON_WRITES)).items():
                    answers[status] = {
                        "description": why,
                        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                    }
                operation["responses"] = {str(status): answers[status] for status in sorted(answers)}
        return document

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """Return the routes, without ninja's own root page, which has no gate."""
        found, app, namespace = super().urls
        return [route for route in found if getattr(route.callback, "func", None) is None], app, namespace


def _schemas_of(schema: type[Schema]) -> dict[str, Any]:
    whole = schema.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**whole.pop("$defs", {}), schema.__name__: whole}


api = Api(
    title="Zhizhi",
    version="1",
    description="Everything that the pages do. Lists are paged by `limit` and `cursor`; errors are problem+json with a `code`.",
    urls_namespace="api",
    openapi_url="",
    docs_url="",
    auth=[Token(), Session()],
    parser=StrictParser(),
    openapi_extra={"jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema"},
)


def _any_error(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """Answer with the house's problem; a fault of the program goes on to the 500 answer and the log."""
    if isinstance(error, ValidationError):
        return errors.invalid([(".".join(map(str, e["loc"])), str(e["type"]), str(e["msg"])) for e in error.errors])
    if isinstance(error, HttpError):
        return errors.problem(errors.of_status(error.status_code))
    return errors.answer(request, error if isinstance(error, Exception) else error())


for _kind in (Exception, Http404, ValidationError, HttpError):  # each of them replaces one of ninja's own
    api.add_exception_handler(_kind, _any_error)


class Root(Schema):
    """Where the document of the API is."""

    title: str
    version: str
    openapi: str


@api.get("/", response=Root, url_name="api-root", operation_id="root", summary="Where the document is")
@gate.api(Permission.SELF)
def root(request: HttpRequest) -> Root:
    """Say which API this is and where its OpenAPI document is."""
    return Root(title=api.title, version=api.version, openapi=reverse("api:openapi-json"))


@api.get("/openapi.json", include_in_schema=False, url_name="openapi-json")
@gate.api(Permission.SELF)
def openapi_document(request: HttpRequest) -> Any:
    """Return the OpenAPI 3.1 document."""
    return api.get_openapi_schema()


for _name in APPS:
    api.add_router(f"/{_name}", import_module(f"zhizhi.apps.{_name}.api").router, tags=[_name])
