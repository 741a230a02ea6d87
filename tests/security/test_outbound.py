"""What people write leads to no private address, and a token goes to its own host alone."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from studio.clients.outbound import OutboundTransport
from studio.clients.transfer.throttle import Throttle
from studio.clients.transfer.transfer import Transfer
from studio.errors import (
    BlockedAddress,
    InvalidRequest,
    SourceError,
    SourceUnreachable,
    StudioError,
)
from studio.net import Outbound
from studio.remote import RemoteFile
from studio.services.source_tokens import SourceTokens
from studio.settings import Secret, Settings
from studio.store.part_files import PartFile
from tests.fakes.origin import running_origin

PUBLIC = "93.184.215.14"
BAD_URLS = [
    "https://127.0.0.1/m",
    "https://127.1/m",
    "https://2130706433/m",
    "https://0x7f000001/m",
    "https://0x7f.0.0.1/m",
    "https://0177.0.0.1/m",
    "https://127.0.0.1./m",
    "https://0.0.0.0/m",
    "https://0/m",
    "https://10.0.0.1/m",
    "https://172.16.0.1/m",
    "https://192.168.1.1/m",
    "https://100.64.0.1/m",
    "https://169.254.169.254/latest/meta-data/",
    "https://192.0.0.8/m",
    "https://198.18.0.1/m",
    "https://224.0.0.1/m",
    "https://255.255.255.255/m",
    "https://[::1]/m",
    "https://[::]/m",
    "https://[::ffff:10.0.0.1]/m",
    "https://[::ffff:127.0.0.1]/m",
    "https://[64:ff9b::7f00:1]/m",
    "https://[64:ff9b::a9fe:a9fe]/m",
    "https://[64:ff9b:1::1]/m",
    "https://[2002:7f00:1::]/m",
    "https://[2001:0:7f00:1::]/m",
    "https://[fc00::1]/m",
    "https://[fe80::1]/m",
    "https://[fe80::1%25lo]/m",
    "https://[ff02::1]/m",
    "https://localhost/m",
    "https://inside.example/m",
    "https://both.example/m",
    "https://mapped.example/m",
    "http://public.example/m",
    f"http://{PUBLIC}/m",
    "file:///etc/passwd",
    "ftp://public.example/m",
    "gopher://public.example/m",
    "data:,x",
    "//public.example/m",
    "https://user:password@public.example/m",
    "https://user@public.example/m",
    "https:///m",
    "https://public.example:0/m",
    "https://public.example:99999/m",
    "https://pub lic.example/m",
    "https://public.example\\@127.0.0.1/m",
    "https://①②⑦.⓪.⓪.①/m",
    "https://public.example/\r\nHost: x",
    "",
]
NAMES = {
    "public.example": [PUBLIC],
    "localhost": ["127.0.0.1", "::1"],
    "inside.example": ["10.1.2.3"],
    "both.example": [PUBLIC, "10.1.2.3"],
    "mapped.example": ["::ffff:192.168.0.1"],
}


def known(host: str, port: int) -> Sequence[str]:
    try:
        return NAMES[host]
    except KeyError:
        raise socket.gaierror(socket.EAI_NONAME, "unknown") from None


@pytest.mark.parametrize("url", BAD_URLS)
def test_an_address_that_leads_inside_is_refused(url: str) -> None:
    with pytest.raises((BlockedAddress, InvalidRequest)):
        Outbound(resolve=known).place(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://public.example/m?x=1",
        "https://PUBLIC.example./m",
        f"https://{PUBLIC}:8443/m",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/m",
        "https://[64:ff9b::5db8:d70e]/m",
    ],
)
def test_an_address_of_the_open_internet_is_not(url: str) -> None:
    assert Outbound(resolve=known).place(url).addresses


@pytest.mark.parametrize(
    ("allow", "url", "is_allowed"),
    [
        ("inside.example", "http://inside.example:81/m", True),
        ("inside.example:81", "http://inside.example:81/m", True),
        ("inside.example:81", "http://inside.example:82/m", False),
        ("10.0.0.0/8", "http://inside.example/m", True),
        ("10.0.0.0/8", "https://both.example/m", True),
        ("10.0.0.0/8", "http://both.example/m", False),
        ("10.0.0.0/8", "http://public.example/m", False),
        ("10.0.0.0/8", "https://mapped.example/m", False),
        ("127.0.0.1:80", "http://127.0.0.1/m", True),
        ("127.0.0.1:80", "http://127.0.0.1:81/m", False),
        ("[::1]:80", "http://[::1]/m", True),
    ],
)
def test_only_what_the_owner_lists_may_be_private_or_without_tls(
    allow: str, url: str, is_allowed: bool
) -> None:
    rules = Outbound([allow], resolve=known)
    if is_allowed:
        assert rules.place(url).addresses
    else:
        with pytest.raises(BlockedAddress):
            rules.place(url)


@pytest.mark.parametrize(
    "entry", ["", "*", "http://a.example", "a b", "u@h", "a:99999", "1.2.3.0/99"]
)
def test_a_list_that_cannot_be_read_ends_the_start(entry: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="STUDIO_OUTBOUND_ALLOW"):
        Outbound([entry])
    if entry:
        with pytest.raises(InvalidRequest, match="STUDIO_OUTBOUND_ALLOW"):
            Settings.from_env({"STUDIO_DIR": str(tmp_path), "STUDIO_OUTBOUND_ALLOW": entry})


def test_a_hub_that_the_environment_names_may_be_anywhere(tmp_path: Path) -> None:
    environ = {"STUDIO_DIR": str(tmp_path), "HF_ENDPOINT": "http://inside.example:81"}
    rules = Outbound(Settings.from_env(environ).outbound_allow, resolve=known)
    assert rules.place("http://inside.example:81/m").addresses == ("10.1.2.3",)
    with pytest.raises(BlockedAddress):
        rules.place("http://inside.example/m")


def transfer(
    remote: RemoteFile,
    part: PartFile,
    rules: Outbound,
    tokens: SourceTokens,
    tls: ssl.SSLContext | None = None,
) -> Transfer:
    return Transfer(
        remote=remote,
        part=part,
        outbound=rules,
        tokens=tokens,
        throttle=Throttle(),
        tls=tls or ssl.create_default_context(),
    )


NO_TOKENS = SourceTokens({}, lambda _: None)


async def run(remote: RemoteFile, folder: Path, rules: Outbound, tokens: SourceTokens) -> None:
    part = PartFile(folder / "one.part", reserve_bytes=0)
    part.open()
    try:
        await asyncio.to_thread(transfer(remote, part, rules, tokens).run)
    finally:
        part.close()


async def test_a_name_that_turns_private_after_it_was_judged_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    dialled: list[object] = []

    def refuse(address: object, timeout: float) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    rules = Outbound(resolve=lambda host, port: next(answers))
    place = rules.place("https://turning.example/m")
    with pytest.raises(SourceUnreachable):
        rules.dial(place)
    assert dialled == [(PUBLIC, 443)]
    # What a transfer would ask next is judged anew, and refused.
    with pytest.raises(BlockedAddress):
        await run(RemoteFile("https://turning.example/m", "m"), tmp_path, rules, NO_TOKENS)
    assert dialled == [(PUBLIC, 443)]


async def test_the_transport_dials_the_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with running_origin() as origin:
        origin.serve("m", b"x")
        rules = Outbound(["127.0.0.0/8"], resolve=once)
        async with httpx.AsyncClient(transport=OutboundTransport(rules)) as client:
            # Once to judge the scheme; the connection then asks again, and that is judged too.
            with pytest.raises(BlockedAddress):
                await client.get(f"http://turning.example:{origin.port}/m")
        assert origin.asked == []
        kind = Outbound([f"kind.example:{origin.port}"], resolve=lambda *_: ["127.0.0.1"])
        async with httpx.AsyncClient(transport=OutboundTransport(kind)) as client:
            assert (await client.get(f"http://kind.example:{origin.port}/m")).content == b"x"
        assert origin.asked[0].headers["host"] == f"kind.example:{origin.port}"


@pytest.mark.parametrize("url", [url for url in BAD_URLS if url.startswith("http")][:40])
async def test_no_redirect_leads_inside(tmp_path: Path, url: str) -> None:
    async with running_origin() as origin:
        origin.serve("m", b"", redirect=url)
        rules = Outbound([f"127.0.0.1:{origin.port}"], resolve=known)
        with pytest.raises((BlockedAddress, InvalidRequest, SourceError)) as caught:
            await run(RemoteFile(origin.url("m"), "m"), tmp_path, rules, NO_TOKENS)
        assert isinstance(caught.value, StudioError)
        assert len(origin.asked) == 1
        transport = OutboundTransport(rules)
        async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
            with pytest.raises((StudioError, httpx.HTTPError, httpx.InvalidURL)):
                await client.get(origin.url("m"))
        assert len(origin.asked) == 2


async def test_a_token_goes_to_its_own_host_and_to_no_other(tmp_path: Path) -> None:
    async with running_origin() as hub, running_origin() as elsewhere:
        content = b"model" * 1000
        elsewhere.serve("m", content)
        hub.serve("m", b"", redirect=elsewhere.url("m"))
        tokens = SourceTokens(
            {"HF_TOKEN": hub.base, "CIVITAI_API_KEY": elsewhere.base},
            lambda name: Secret(f"{name}-canary"),
        )
        rules = Outbound(["127.0.0.0/8"])
        remote = RemoteFile(hub.url("m"), "m", token="huggingface")
        await run(remote, tmp_path, rules, tokens)
        assert [one.headers.get("authorization") for one in hub.asked] == ["Bearer HF_TOKEN-canary"]
        assert elsewhere.asked
        assert {one.headers.get("authorization") for one in elsewhere.asked} == {None}
        assert "canary" not in (tmp_path / "one.state").read_text()


async def test_tls_asks_for_the_name_although_an_address_is_dialled(tmp_path: Path) -> None:
    own = (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    make_certificate(*own, name="hub.example")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*own)
    trusting = ssl.create_default_context(cafile=own[0])
    rules = Outbound(["127.0.0.0/8"], resolve=lambda *_: ["127.0.0.1"])
    content = b"model" * 1000
    async with running_origin(serving) as origin:
        origin.serve("m", content)
        for host, reason in (("hub.example", None), ("other.example", "certificate")):
            remote = RemoteFile(f"https://{host}:{origin.port}/m", "m")
            part = PartFile(tmp_path / f"{host}.part", reserve_bytes=0)
            part.open()
            started = transfer(remote, part, rules, NO_TOKENS, tls=trusting)
            if reason is None:
                await asyncio.to_thread(started.run)
                assert part.path.read_bytes() == content
            else:
                with pytest.raises(SourceError, match=reason):
                    await asyncio.to_thread(started.run)
            part.close()
        assert {one.headers["host"] for one in origin.asked} == {f"hub.example:{origin.port}"}


def make_certificate(certificate: str, key: str, *, name: str) -> None:
    """One that vouches for itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not there to make a certificate")
    options = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name}"
    names = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate]
    subprocess.run([openssl, *options.split(), *names], check=True, capture_output=True)


def test_a_token_is_bound_to_scheme_host_and_port() -> None:
    tokens = SourceTokens({"HF_TOKEN": "https://hub.example"}, lambda _: Secret("t-canary"))
    remote = RemoteFile("https://hub.example/m", "m", token="huggingface")
    assert tokens.headers(remote, "https://HUB.example:443/x") == {
        "Authorization": "Bearer t-canary"
    }
    for url in (
        "http://hub.example/x",
        "https://hub.example:444/x",
        "https://hub.example.evil.example/x",
        "https://evil.example/hub.example",
        "https://sub.hub.example/x",
    ):
        assert tokens.headers(remote, url) == {}
    plain = RemoteFile("https://hub.example/m", "m")
    assert tokens.headers(plain, "https://hub.example/m") == {}


async def test_names_that_nobody_answers_for_hold_up_nothing_but_names() -> None:
    answered = threading.Event()

    def hangs(_host: str, _port: int) -> Sequence[str]:
        answered.wait(60)
        return [PUBLIC]

    outbound = Outbound(resolve=hangs)
    asked = [
        *(asyncio.create_task(outbound.aplace(f"https://{n}.example/")) for n in range(40)),
        *(asyncio.create_task(outbound.aaddresses(f"{n}.example", 443)) for n in range(40)),
    ]
    try:
        async with asyncio.timeout(20):
            assert await asyncio.to_thread(threading.current_thread) is not None
    finally:
        answered.set()
    found = await asyncio.gather(*asked)
    assert found[-1] == (PUBLIC,)
