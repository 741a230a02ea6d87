"""Every refusal that a page can meet has words in every language."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from studio.services.quotas import Quota
from tests.policy.source import ROOT, parse, walk
from tests.policy.test_messages import LANGUAGES, code, messages

PROGRAMS_ONLY = {
    # Device logins are waited for by programs: RFC 8628 names the codes.
    *("access_denied", "authorization_pending", "expired_token", "slow_down"),
    # No page asks so.
    *("method_not_allowed", "range_not_satisfiable"),
    # Said on the port of ComfyUI's own page.
    "engine_unreachable",
}
TURNED_INTO_OTHERS = {"quota_exceeded", "too_many_logins"}
"""What visitors' services catch and say otherwise, so that it tells nothing of the link's maker."""
VISITORS = ("services/share_", "web/share_door", "web/share_runs_api", "web/shares_api")


@cache
def refusals() -> dict[str, str]:
    """The code of each kind of refusal, by the name of its class."""
    found: dict[str, tuple[str | None, list[str]]] = {}
    for path in walk(".py", under="studio"):
        if {"cli", "embedded"} & set(path.parts):
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef):
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                found[node.name] = _own_code(node), bases
    known = {"StudioError": "internal_error"}
    waiting = True
    while waiting:
        waiting = False
        for name, (own, bases) in found.items():
            parent = next((known[base] for base in bases if base in known), None)
            if name not in known and parent is not None:
                known[name] = own or parent
                waiting = True
    return known


def _own_code(node: ast.ClassDef) -> str | None:
    for line in node.body:
        if isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None:
            target = line.targets[0] if isinstance(line, ast.Assign) else line.target
            value = line.value
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                target, value = target.elts[0], value.elts[0]
            if isinstance(target, ast.Name) and target.id == "code":
                return value.value if isinstance(value, ast.Constant) else None  # type: ignore[return-value]
    return None


@cache
def ends_of_jobs() -> set[str]:
    """The codes with which jobs end that did not succeed."""
    found = set()
    for path in walk(".py", under="studio"):
        for node in ast.walk(parse(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id == "JobError":
                given = [
                    *node.args[:1],
                    *(each.value for each in node.keywords if each.arg == "code"),
                ]
                found |= {each.value for each in given if isinstance(each, ast.Constant)}
    return {each for each in found if isinstance(each, str)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_and_every_bad_end_of_a_job_has_words(language: str) -> None:
    wanted = set(refusals().values()) | ends_of_jobs()
    assert len(wanted) > 70, "they are not found any more"
    assert wanted - PROGRAMS_ONLY - messages(language, "errors").keys() == set()


def test_what_only_programs_meet_is_met_somewhere() -> None:
    assert set(refusals().values()) >= PROGRAMS_ONLY


def test_no_words_are_kept_for_refusals_that_nobody_makes() -> None:
    known = set(refusals().values()) | ends_of_jobs()
    known |= {f"queue_full.{Quota.JOBS}", f"quota_exceeded.{Quota.DISK_BYTES}"}
    known |= {f"quota_exceeded.{Quota.GPU_SECONDS}{more}" for more in ("", ".until")}
    page = "\n".join(code().values())
    left = {
        name
        for name in messages("en", "errors").keys() - known
        if not re.search(rf"['.]{name}'", page) and not name.startswith("http_")
    }
    assert left == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_was_sent_a_link_finds_words_for_each_refusal_too(language: str) -> None:
    raised = set()
    for path in walk(".py", under="studio"):
        if str(path.relative_to(ROOT / "studio")).startswith(VISITORS):
            for node in ast.walk(parse(path)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("errors"):
                    raised |= {refusals()[name.name] for name in node.names}
    assert {"share_gone", "wrong_share_password", "payload_too_large"} <= raised
    wanted = raised - TURNED_INTO_OTHERS | {"upstream_error", "storage_unavailable", "offline"}
    assert {f"error.{name}" for name in wanted} - messages(language, "shared").keys() == set()
