"""What can be set does something: no setting is stored for nobody."""

from __future__ import annotations

import re

from studio.services.preferences import _FIELDS
from studio.settings import LIMITS
from tests.policy.source import ROOT, walk


def test_every_limit_is_read_by_the_code_that_it_limits() -> None:
    code = "".join(
        path.read_text() for path in walk(".py", under="studio") if path.name != "settings.py"
    )
    assert [each.field for each in LIMITS.values() if f"settings.{each.field}" not in code] == []


def test_every_default_for_new_jobs_is_an_input_of_a_shipped_workflow_or_the_forms_own() -> None:
    manifests = "".join(path.read_text() for path in (ROOT / "workflows").glob("*/manifest.yaml"))
    form = (ROOT / "frontend/js/models/draft.js").read_text()
    taken = re.search(r"prefer\(\{([^}]*)\}", form)
    assert taken is not None
    own = set(re.findall(r"\b[a-z]+\b", taken[1]))
    asked = {name for name in _FIELDS["defaults"] if f"- id: {name}\n" in manifests}
    assert _FIELDS["defaults"].keys() - asked - own == set()
