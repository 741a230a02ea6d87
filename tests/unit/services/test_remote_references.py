"""What people paste, and what it names."""

from __future__ import annotations

import pytest

from studio.errors import InvalidRequest
from studio.services.remote_references import (
    CivitaiReference,
    HubReference,
    Reference,
    parse_reference,
)

HUBS = {"HF_TOKEN": "https://mirror.example:8443", "CIVITAI_API_KEY": "https://civitai.com"}
SITE = "https://huggingface.co"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf:a/b/c.safetensors", HubReference("a/b", "c.safetensors")),
        ("hf:a/b/d/c.gguf@v1.0", HubReference("a/b", "d/c.gguf", "v1.0")),
        ("hf:a/b/c.gguf@refs/pr/7", HubReference("a/b", "c.gguf", "refs/pr/7")),
        (f"{SITE}/a/b/blob/main/d/c.gguf", HubReference("a/b", "d/c.gguf", "main")),
        (f"{SITE}/a/b/resolve/main/c.gguf?download=true", HubReference("a/b", "c.gguf", "main")),
        (f"{SITE}/a/b/resolve/refs%2Fpr%2F1/c.gguf", HubReference("a/b", "c.gguf", "refs/pr/1")),
        (f"{SITE}/a/b/blob/refs/pr/1/c.gguf", HubReference("a/b", "c.gguf", "refs/pr/1")),
        ("https://hf.co/a/b/raw/main/my%20c.gguf", HubReference("a/b", "my c.gguf", "main")),
        (
            "https://mirror.example:8443/a/b/resolve/main/c.gguf",
            HubReference("a/b", "c.gguf", "main"),
        ),
        (f"{SITE}/datasets/a/b/resolve/main/c.gguf", None),
        ("https://elsewhere.example/a/b/resolve/main/c.gguf", None),
        ("civitai:12", CivitaiReference(version=12)),
        ("civitai:12/34", CivitaiReference(version=12, file=34)),
        ("https://civitai.com/models/5", CivitaiReference(model=5)),
        ("https://civitai.red/models/5/some-name", CivitaiReference(model=5)),
        (
            "https://civitai.com/models/5/some-name?modelVersionId=6",
            CivitaiReference(model=5, version=6),
        ),
        ("https://civitai.com/model-versions/6", CivitaiReference(version=6)),
        ("https://civitai.com/images/77?postId=1", CivitaiReference(image=77)),
        (
            "https://civitai.com/api/download/models/6?type=Model&format=SafeTensor",
            CivitaiReference(version=6, variant=(("type", "Model"), ("format", "SafeTensor"))),
        ),
        (
            "https://civitai.com/api/download/models/6?fileId=9",
            CivitaiReference(version=6, file=9),
        ),
        ("urn:air:sdxl:lora:civitai:5@6", CivitaiReference(model=5, version=6)),
        ("urn:air:flux1:checkpoint:civitai:5", CivitaiReference(model=5)),
        ("air:sd1:embedding:civitai:5@6.safetensor", CivitaiReference(model=5, version=6)),
    ],
)
def test_a_reference_is_understood(text: str, expected: Reference | None) -> None:
    assert parse_reference(f" {text} ", HUBS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anything",
        "civitai:",
        "civitai:abc",
        "civitai:1/2/3",
        "civitai:12345678901234567890",
        "hf:",
        "hf:a/b",
        "hf:a/../c",
        "hf:a/b/../../etc/passwd",
        "hf:a/b/c.gguf@../x",
        "hf:../b/c.gguf",
        f"{SITE}/a/b",
        f"{SITE}/a/b/tree/main",
        f"{SITE}/a/b/blob/main/..%2F..%2Fx",
        f"{SITE}/a/b/resolve/main/c.gguf?token=hf_secret",
        "https://civitai.com/",
        "https://civitai.com/user/somebody",
        "https://civitai.com/models/five",
        "https://civitai.com/api/download/models/6?token=secret",
        "urn:air:sdxl:lora:huggingface:a/b",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
def test_what_names_no_file_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_reference(text, HUBS)
    assert "secret" not in refused.value.message.replace("token", "")


def test_the_site_of_another_port_is_not_the_hub() -> None:
    assert parse_reference("https://mirror.example/a/b/resolve/main/c.gguf", HUBS) is None
