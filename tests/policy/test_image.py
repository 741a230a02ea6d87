"""What the image is made of is fixed, and its parts agree about it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from image.install_nodes import VARIANTS, chosen, read_lock
from tests.policy.source import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCKS = ROOT / "image/locks"
WORKFLOW = (ROOT / ".github/workflows/image.yml").read_text(encoding="utf-8")


def packages(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_can_be_built_from_locks(variant: str) -> None:
    chosen(read_lock(ROOT / "nodes.lock"), variant)
    assert packages((LOCKS / f"comfyui-{variant}.lock").read_text())["torch"]
    assert f'target "{variant}"' in (ROOT / "docker-bake.hcl").read_text()


def test_the_variants_grow() -> None:
    packs = read_lock(ROOT / "nodes.lock")
    minimal, standard, full = (set(chosen(packs, variant)) for variant in VARIANTS)
    assert minimal == set()
    assert standard < full


@pytest.mark.parametrize("lock", sorted(LOCKS.glob("*.lock")), ids=lambda path: path.stem)
def test_every_package_of_the_image_has_hashes(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert [entry for entry in entries if not re.match(r"[a-z0-9][a-z0-9.-]*==", entry)] == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_comfyui_gets_the_torch_of_its_lock(variant: str) -> None:
    everything = packages((LOCKS / f"comfyui-{variant}.lock").read_text())
    torch = packages((LOCKS / "torch.lock").read_text())
    assert torch.items() <= everything.items()


def test_the_version_of_the_runtime_is_one_number() -> None:
    found = set(re.findall(r"(?:RUNTIME_VERSION|studio\.runtime-version)=\"?(\d+)", DOCKERFILE))
    assert len(found) == 1
    version = json.loads((ROOT / "version.json").read_text())
    assert version.get("min_runtime", 0) <= int(found.pop())


def test_the_version_of_the_image_is_studio_s() -> None:
    version = json.loads((ROOT / "version.json").read_text())["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    bake = (ROOT / "docker-bake.hcl").read_text()
    assert f'variable "VERSION" {{\n  default = "{version}"' in bake


def test_published_images_follow_releases_and_no_branch() -> None:
    assert re.search(r"^ +REPO_REF: v\*$", WORKFLOW, re.MULTILINE)


def test_what_is_fetched_by_the_build_is_named_exactly() -> None:
    assert re.search(r"^ARG COMFYUI_REF=[0-9a-f]{40}$", DOCKERFILE, re.MULTILINE)
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(images) == 2
    assert all(re.search(r":\d+\.\d+\.\d+-\w+-ubuntu24\.04$", image) for image in images)
    # Another front end would be one more thing to fetch, and to trust.
    assert "# syntax=" not in DOCKERFILE


def test_the_base_leaves_cuda_s_libraries_to_pytorch_which_has_the_same() -> None:
    cuda = packages((LOCKS / "torch.lock").read_text())["cuda-toolkit"]
    images = [f"nvidia/cuda:{cuda}-{flavour}-ubuntu24.04" for flavour in ("base", "devel")]
    assert re.findall(r"^ARG \w+_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE) == images
    bake = (ROOT / "docker-bake.hcl").read_text()
    assert re.findall(r'"(nvidia/cuda:\S+)"', bake) == images


def test_whatever_goes_into_the_image_has_it_tested() -> None:
    paths = re.findall(r'^      - "(\S+)"$', WORKFLOW, re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split() if "$" not in source}
    assert {"studio", "frontend", "version.json"} <= sources
    named = {path.removesuffix("/**") for path in paths}
    assert {s for s in sources if not {s, s.partition("/")[0]} & named} == set()
    assert {".github/workflows/image.yml", "Dockerfile", "scripts"} <= named


def test_a_release_is_built_once_and_only_what_was_tested_gets_its_names() -> None:
    release = WORKFLOW.partition("\n  release:\n")[2]
    order = [
        "docker/bake-action@",
        "push-by-digest=true",
        "run: scripts/test-image",
        "anchore/scan-action@",
        "docker buildx imagetools create --tag",
        "attest-build-provenance@",
    ]
    places = [release.index(step) for step in order]
    assert places == sorted(places)
    assert release.count("docker/bake-action@") == 1
    assert "STUDIO_TEST_IMAGE: ${{ env.IMAGE }}@${{ env.DIGEST }}" in release
    assert "subject-digest: ${{ env.DIGEST }}" in release


def test_only_a_release_may_write_anything() -> None:
    before = WORKFLOW.partition("\n  release:\n")[0]
    assert "permissions:\n  contents: read\n" in before
    assert ": write" not in before and "secrets." not in before


def test_compose_hands_over_every_setting_of_its_file() -> None:
    compose = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    assert "    env_file:\n      - path: .env\n        required: false\n" in compose
