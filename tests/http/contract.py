"""Every answer of the API against openapi.json: no route, status, header or field that does not stand there."""
import json
import pathlib
import re
import urllib.parse

import jsonschema

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "openapi.json"
METHODS = ("get", "put", "post", "delete", "patch")
# Served by nginx under the API's prefix or beside it, but no part of it.
PREFIX = re.compile(r"^/api/(?:v1/)?")


class Contract:
    def __init__(self, document=None):
        self.document = document or json.loads(DOCUMENT.read_text())
        self.resolver = jsonschema.RefResolver.from_schema(self.document)
        self.routes = []
        for path, item in self.document["paths"].items():
            # A literal wins over a parameter with a suffix, that over a parameter.
            parts = path[1:].split("/")
            rank = [0 if "{" not in part else 1 if not part.endswith("}") else 2 for part in parts]
            pattern = "/".join(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(part)) for part in parts)
            self.routes.append((rank, re.compile(pattern), path, "servers" in item, item))
        self.routes.sort(key=lambda route: route[0])
        self.seen = set()

    def resolve(self, thing):
        while isinstance(thing, dict) and "$ref" in thing:
            thing = self.resolver.resolve(thing["$ref"])[1]
        return thing

    def find(self, path):
        """The path item that answers `path`, and its name; None, None where none does."""
        match = PREFIX.match(path)
        rest, root = (path[match.end():], False) if match else (path[1:], True)
        for _, pattern, name, at_root, item in self.routes:
            if at_root == root and pattern.fullmatch(rest):
                return item, name
        return None, None

    def response(self, method, path, status):
        """The described response, or a sentence that says why there is none. None: the address is none of the API's."""
        shared = {"400": "BadRequest", "404": "NotFound", "405": "MethodNotAllowed", "408": "RequestTimeout", "413": "TooLarge", "414": "UriTooLong",
                  "429": "RateLimited", "431": "HeadersTooLarge", "503": "Unavailable"}
        item, name = self.find(path)
        if item is None:
            if not PREFIX.match(path) and status < 500:
                return None, path
            return self.beside(shared, status, "there is no such route"), path
        lower = "get" if method == "HEAD" else method.lower()
        if lower == "options" and status == 204:
            return {"headers": {"Allow": {"$ref": "#/components/headers/Allow"}}}, name
        if lower not in METHODS or lower not in item:
            return self.beside(shared, status, "the method is not described"), name
        if status == 405:
            return "405, though openapi.json has the method", name
        described = item[lower]["responses"].get(str(status))
        if described is None:
            return f"the status {status} is not described", name
        self.seen.add((lower.upper(), name, status))
        return self.resolve(described), name

    def beside(self, shared, status, why):
        if str(status) not in shared:
            return f"{why}, and the answer is {status}"
        return self.document["components"]["responses"][shared[str(status)]]

    def check(self, method, path, response):
        """Raises AssertionError with the route and every field that is not as described."""
        path = urllib.parse.urlsplit(path).path
        described, name = self.response(method, path, response.status_code)
        if described is None:
            return
        where = f"{method} {name} {response.status_code}"
        assert not isinstance(described, str), f"{where}: {described}: {response.text[:500]}"
        wrong = [*self.wrong_headers(described, response), *self.wrong_body(described, response, method)]
        assert not wrong, f"{where} is not as openapi.json says:\n  " + "\n  ".join(wrong) + f"\n{response.text[:2000]}"

    def wrong_headers(self, described, response):
        for name, header in described.get("headers", {}).items():
            header, value = self.resolve(header), response.headers.get(name)
            if value is None:
                if header.get("required"):
                    yield f"header {name}: is missing"
                continue
            for error in jsonschema.Draft202012Validator(header["schema"], resolver=self.resolver).iter_errors(value):
                yield f"header {name}: {error.message}"

    def wrong_body(self, described, response, method):
        content = described.get("content")
        if method == "HEAD" or not content:
            if response.content:
                yield f"body: {len(response.content)} bytes, none is described"
            return
        kind = response.headers.get("Content-Type", "").split(";")[0]
        if "*/*" in content:
            return
        if kind not in content:
            yield f"Content-Type: {kind} is not described"
            return
        if kind != "application/json":
            return
        try:
            body = response.json()
        except ValueError as error:
            yield f"body: no JSON: {error}"
            return
        for error in jsonschema.Draft202012Validator(content[kind]["schema"], resolver=self.resolver).iter_errors(body):
            for leaf in leaves(error):
                yield f"{leaf.json_path}: {leaf.message[:300]}"


def leaves(error):
    """What is wrong at the bottom: of an anyOf the branch that came furthest."""
    if not error.context:
        return [error]
    best = jsonschema.exceptions.best_match([error])
    return [best]


CONTRACT = Contract()
