"""Studio's own OpenAPI page: it describes what the routes take and answer."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.api.graphs import (
    fresh_png,
    run,
    solid,
    submit,
    text_to_image,
    upload,
    wait_for_library,
)

TAKES_NO_BODY = {
    "/api/system/engines/{name}/stop",
    "/api/system/engines/{name}/start",
    *(f"/api/system/nodes/{{name}}/{word}" for word in ("update", "back", "disable", "enable")),
    "/api/v2/jobs/{job_id}/cancel",
    "/api/jobs/{job_id}/cancel",
    "/api/uploads/{upload_id}/complete",
    "/api/queue/pause",
    "/api/queue/resume",
    "/api/queue/clear",
    "/api/users/{user_id}/reset",
    "/api/workflows/{workflow_id}/restore-from-trash",
    "/api/settings/{key}/test",
    "/api/system/engines/{name}/restart",
    "/api/system/engines/{name}/free",
    "/api/system/engines/{name}/interrupt",
    *(f"/api/system/updates/{word}" for word in ("check", "back", "image")),
    "/api/system/backups",
    "/api/system/import/apply",
}


@pytest.fixture
def page(owner: httpx.Client) -> dict[str, Any]:
    answer = owner.get("/api/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def is_described(path: str) -> bool:
    return path.startswith(
        (
            "/api/v2/",
            "/api/jobs",
            "/api/queue",
            "/api/assets",
            "/api/uploads",
            "/api/library",
            "/api/boards",
            "/api/setup",
            "/api/session",
            "/api/join",
            "/api/users",
            "/api/invitations",
            "/api/workflows",
            "/api/settings",
            "/api/preferences",
            "/api/activity",
            "/api/system",
            "/api/keys",
            "/api/secrets",
        )
    )


def test_every_operation_describes_its_answers_and_refusals(page: dict[str, Any]) -> None:
    seen = 0
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            if not is_described(path) or method == "head":
                continue
            seen += 1
            responses = operation["responses"]
            good = [status for status in responses if status.startswith("2")]
            assert good, (method, path)
            assert {"401", "403"} <= responses.keys(), (method, path)
            for status in good:
                assert status == "204" or responses[status].get("content"), (method, path)
            if method == "post" and path not in TAKES_NO_BODY:
                assert operation["requestBody"]["content"], path
            for name in [part.strip("{}") for part in path.split("/") if part.startswith("{")]:
                parameters = [each["name"] for each in operation["parameters"]]
                assert parameters.count(name) == 1, (method, path)
    assert seen > 20


def test_every_operation_has_a_summary_and_examples_that_fit(page: dict[str, Any]) -> None:
    problems = []
    seen = 0
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            described = [("body", operation.get("requestBody", {}))]
            described += list(operation["responses"].items())
            for where, part in described:
                content = part.get("content", {}).get("application/json")
                if content is None:
                    continue
                seen += 1
                assert content["schema"], (method, path, where)
                validator = Draft202012Validator(content["schema"])
                problems += [
                    f"{method} {path} {where}: {problem.message}"
                    for problem in validator.iter_errors(content["example"])
                ]
    assert problems == []
    assert seen > 200


def test_the_page_says_how_to_send_a_key(page: dict[str, Any]) -> None:
    named = {name for choice in page["security"] for name in choice}
    assert page["components"]["securitySchemes"].keys() == named == {"key", "bearer"}


def test_every_schema_on_the_page_is_one(page: dict[str, Any]) -> None:
    schemas = [
        content["schema"]
        for methods in page["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]
    assert len(schemas) > 100
    for schema in schemas:
        Draft202012Validator.check_schema(schema)


def test_answers_are_what_the_page_says(page: dict[str, Any], owner: httpx.Client) -> None:
    job = run(owner, text_to_image(), title="described", priority=1)
    made = wait_for_library(owner, job["outputs"][0]["id"])
    asset = upload(owner, fresh_png(), "described.png")
    owner.post("/api/queue/pause")
    waiting = submit(owner, solid())
    requests: list[tuple[str, str, str, dict[str, Any] | None]] = [
        ("POST", "/api/v2/jobs", "", {"workflow": solid()}),
        ("GET", "/api/v2/jobs", "?limit=3", None),
        ("GET", "/api/v2/jobs/{job_id}", job["id"], None),
        ("GET", "/api/v2/jobs/{job_id}/workflow", job["id"], None),
        ("POST", "/api/v2/jobs/{job_id}/cancel", job["id"], None),
        ("POST", "/api/jobs", "", {"workflow": solid()}),
        ("GET", "/api/jobs", "?limit=3", None),
        ("GET", "/api/jobs/{job_id}", waiting["id"], None),
        ("POST", "/api/jobs/{job_id}/move", waiting["id"], {"before": ""}),
        ("GET", "/api/queue", "", None),
        ("POST", "/api/jobs/{job_id}/retry", job["id"], {"new_seed": True}),
        ("POST", "/api/jobs/{job_id}/cancel", waiting["id"], None),
        ("POST", "/api/jobs/cancel", "", {"ids": [waiting["id"], "x"]}),
        ("POST", "/api/queue/clear", "", None),
        ("POST", "/api/queue/resume", "", None),
        ("GET", "/api/v2/assets/{id}", asset["id"], None),
        ("GET", "/api/library", "?q=fox&limit=3", None),
        ("GET", "/api/library/{asset_id}", made["id"], None),
        ("PATCH", "/api/library/{asset_id}", made["id"], {"rating": 3}),
        ("GET", "/api/library/facets", "", None),
        ("POST", "/api/library/actions", "", {"ids": [made["id"]], "action": "purge"}),
        ("POST", "/api/library/zip", "", {"ids": [made["id"]]}),
        ("GET", "/api/library/rules", "", None),
        ("POST", "/api/library/rules/preview", "", {"max_count": 1}),
        ("POST", "/api/boards", "", {"name": "Described"}),
        ("GET", "/api/boards", "", None),
        ("GET", "/api/setup", "", None),
        ("GET", "/api/users", "", None),
        ("PATCH", "/api/users/{user_id}", "owner", {"name": "owner"}),
        ("POST", "/api/users/{user_id}/reset", "owner", None),
        ("POST", "/api/invitations", "", {"role": "guest"}),
        ("GET", "/api/invitations", "", None),
        ("GET", "/api/settings", "", None),
        ("PUT", "/api/settings/{key}", "JOB_RETENTION_DAYS", {"value": 365}),
        ("DELETE", "/api/settings/{key}", "JOB_RETENTION_DAYS", None),
        ("GET", "/api/activity", "?limit=3", None),
        ("GET", "/api/system", "", None),
        ("GET", "/api/system/engines", "", None),
        ("GET", "/api/system/engines/{name}/logs", "embedded", None),
        ("GET", "/api/system/engines/{name}/flags", "embedded", None),
        ("POST", "/api/system/engines/{name}/free", "embedded", None),
        ("POST", "/api/system/engines/{name}/interrupt", "embedded", None),
        ("GET", "/api/keys", "", None),
        ("GET", "/api/secrets", "", None),
        ("GET", "/health", "", None),
        ("GET", "/ready", "", None),
    ]
    for method, path, value, body in requests:
        address = re.sub(r"\{\w+\}", value, path)
        address = address if "{" in path else path + value
        answer = owner.request(method, address, json=body)
        responses = page["paths"][path][method.lower()]["responses"]
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        problems = [
            each.message for each in Draft202012Validator(schema).iter_errors(answer.json())
        ]
        assert problems == [], (method, path)
