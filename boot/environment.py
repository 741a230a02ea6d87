"""What of the environment a child may see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_ALLOWED: Final = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY",
        "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "all_proxy", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE",
        "TORCH_HOME", "TRITON_CACHE_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
    }
)  # fmt: skip
_PREFIXES: Final = (
    "LC_", "CUDA_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "PYTORCH_", "XDG_"
)  # fmt: skip
_PIP: Final = frozenset(
    {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT"}
)
_NAME: Final = "studio"
_SECRET: Final = re.compile(r"TOKEN|KEY|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


def engine_environment(environ: Mapping[str, str], *, home: str | None = None) -> dict[str, str]:
    """The variables an engine gets: listed ones, none that is named like a secret.

    A custom node is anybody's code, so what is not listed is not passed.

    Args:
        environ: bootstrap's own environment.
        home: the home folder in the image; the caller's folders are left out.
    """
    passed = {
        name: value
        for name, value in environ.items()
        if (name in _ALLOWED or name.startswith(_PREFIXES))
        and not _SECRET.search(name)
        # The address of a proxy may hold a password.
        and not (name.upper().endswith("_PROXY") and "@" in value)
    }
    passed["PYTHONUNBUFFERED"] = "1"
    return _at_home(passed, home)


def pack_environment(environ: Mapping[str, str], engine: Mapping[str, str]) -> dict[str, str]:
    """What an engine gets, and where pip looks for packages.

    An index whose address holds a password is left out: a custom node can read the environment of
    the worker, which is of the same user.
    """
    index = {name: value for name, value in environ.items() if name in _PIP and "@" not in value}
    return {**engine, **index}


def studio_environment(
    environ: Mapping[str, str], given: Mapping[str, str], *, home: str | None = None
) -> dict[str, str]:
    """Everything bootstrap has, ``given`` on top; ``home`` as for an engine."""
    return _at_home({**environ, **given, "PYTHONUNBUFFERED": "1"}, home)


def _at_home(environ: dict[str, str], home: str | None) -> dict[str, str]:
    if home is None:
        return environ
    own = {name: value for name, value in environ.items() if not name.startswith("XDG_")}
    # A user that was chosen by number has no name and no home, and PyTorch asks for both.
    return {**own, "HOME": home, "USER": _NAME, "LOGNAME": _NAME}
