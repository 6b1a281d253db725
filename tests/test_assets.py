"""The table of official files, and downloads from a server on this machine."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sovits_tts import assets, download
from sovits_tts.errors import ConfigError, DownloadError
from sovits_tts.progress import Cancelled, Event

CONTENT = bytes(range(256)) * 4000  # 1 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at every path that ends in .bin. `seen`: the Range of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str | None] = []
        self.cuts: list[int] = []  # close the connection after so many bytes, once each
        self.failures = 0  # answer 503 so often first
        self.ranges = True
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.seen.append(wanted)
        if self.path.endswith("/away"):
            self.answer(302, b"", {"Location": "http://example.invalid/file.bin"})
        elif not self.path.endswith(".bin"):
            self.answer(404, b"not here")
        elif self.server.failures:
            self.server.failures -= 1
            self.answer(503, b"busy")
        else:
            self.send(int(wanted[6:-1]) if wanted and self.server.ranges else 0)

    def send(self, start: int) -> None:
        if start >= len(CONTENT):
            self.answer(416, b"", {"Content-Range": f"bytes */{len(CONTENT)}"})
            return
        headers = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if start else {}
        self.answer(206 if start else 200, CONTENT[start:], headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if status in (200, 206) and self.server.cuts:
            self.wfile.write(body[: self.server.cuts.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def fetch(server: Server, folder: Path, **options) -> Path:
    options = {"size": len(CONTENT), "sha256": SHA256, **options}
    return download.fetch(f"{server.url}/file.bin", folder / "sub" / "file.bin", **options)


def test_a_file_arrives_whole(server: Server, tmp_path: Path) -> None:
    events: list[Event] = []
    path = fetch(server, tmp_path, on_event=events.append)
    assert path.read_bytes() == CONTENT
    assert not path.with_name("file.bin.part").exists()
    assert (events[-1].done, events[-1].total, events[-1].unit) == (len(CONTENT), len(CONTENT), "bytes")
    assert [event.done for event in events] == sorted(event.done for event in events)


def test_an_interrupted_download_goes_on(server: Server, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.seen == ["bytes=1000-"]


def test_a_lost_connection_is_taken_up_again(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 400_000]
    server.failures = 1
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.seen == [None, None, "bytes=300000-", "bytes=700000-"]


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file.bin.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path, size=None).read_bytes() == CONTENT


def test_a_complete_part_needs_no_bytes(server: Server, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for size, requests in ((None, 1), (len(CONTENT), 1)):  # unknown: the server says that nothing is left
        (tmp_path / "sub" / "file.bin.part").write_bytes(CONTENT)
        assert fetch(server, tmp_path, size=size).read_bytes() == CONTENT
        assert len(server.seen) == requests


def test_a_part_of_another_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(server, tmp_path, size=None).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("wrong", "message"), [({"sha256": "0" * 64}, "its sha256 is"), ({"size": 5_000_000}, "1024000 bytes instead")]
)
def test_a_wrong_file_is_deleted(server: Server, tmp_path: Path, wrong: dict, message: str) -> None:
    with pytest.raises(DownloadError, match=message):
        fetch(server, tmp_path, **wrong)
    assert list((tmp_path / "sub").iterdir()) == []


def test_not_found_names_the_address_and_what_to_do(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"/none answered 404") as caught:
        download.fetch(f"{server.url}/none", tmp_path / "x", hint="Put it there by hand.")
    assert caught.value.hint == "Put it there by hand."
    assert len(server.seen) == 1


def test_only_https(server: Server, tmp_path: Path) -> None:
    for url in ("http://example.invalid/x", "ftp://127.0.0.1/x", "file:///etc/hostname"):
        with pytest.raises(ConfigError, match="not an https address"):
            download.fetch(url, tmp_path / "x")
    with pytest.raises(ConfigError, match=r"example\.invalid"):
        download.fetch(f"{server.url}/away", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_cancelling_keeps_what_came(server: Server, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event.done > 500_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(server, tmp_path, on_event=stop)
    assert 500_000 < (tmp_path / "sub" / "file.bin.part").stat().st_size < len(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.seen[1] is not None


def test_no_network_says_where_to_put_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nothing listens there
    with pytest.raises(DownloadError, match="cannot be downloaded") as caught:
        assets.download(["v2"])
    assert str(tmp_path / "pretrained" / assets.MODELS["v2"].gpt) in caught.value.hint
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE is set") as caught:
        assets.download(["v2"])
    assert "HF_ENDPOINT" in caught.value.hint


def test_a_model_is_downloaded_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole set through HF_ENDPOINT, into SOVITS_TTS_HOME; the second call fetches nothing."""
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
    table = {path: assets.Asset(path, len(CONTENT), SHA256) for path in ("a.bin", "b.bin", "content/c.bin", "d.bin")}
    files = assets.ModelFiles("a.bin", "b.bin", "d.bin", content="content", bert="none")
    monkeypatch.setattr(assets, "ASSETS", table)
    monkeypatch.setattr(assets, "MODELS", {"toy": files})
    assert next(row for row in assets.listing() if row["name"] == "toy")["missing"] == [
        "a.bin", "b.bin", "content/c.bin",
    ]  # fmt: skip
    paths = assets.download(["toy"])
    assert paths == [tmp_path / "pretrained" / path for path in ("a.bin", "b.bin", "content/c.bin")]
    row = next(row for row in assets.listing() if row["name"] == "toy")
    assert (row["installed"], row["bytes"], row["path"]) == (True, 3 * len(CONTENT), str(paths[1]))
    assert assets.download(["toy"], training=True)[-2:] == [tmp_path / "pretrained" / "d.bin", paths[2]]
    assert len(server.seen) == 4
    paths[0].write_bytes(b"short")  # a damaged file is fetched again
    assets.download(["toy"])
    assert len(server.seen) == 5


def test_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    asset = assets.Asset("a b=1.ckpt")
    assert re.fullmatch(
        r"https://huggingface\.co/lj1995/GPT-SoVITS/resolve/[0-9a-f]{40}/a%20b%3D1\.ckpt", assets.url_of(asset)
    )
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert assets.url_of(asset).startswith("https://mirror.example/lj1995/")
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")
    with pytest.raises(ConfigError, match="not an https address"):
        assets.url_of(asset)


def test_the_table_is_consistent() -> None:
    for name, files in assets.MODELS.items():
        paths = files.paths(training=True)
        assert set(paths) <= set(assets.ASSETS), name
        assert {f"{files.content}/pytorch_model.bin", f"{files.bert}/pytorch_model.bin"} <= set(paths)
    for asset in assets.ASSETS.values():
        assert asset.sha256 is None or re.fullmatch("[0-9a-f]{64}", asset.sha256)
    with pytest.raises(ConfigError, match="no model 'v9' to download"):
        assets.download(["v9"])


def test_sizes_agree_with_the_parameters() -> None:
    """Half precision: twice the number of values, and up to 0.4 MB for names and the zip."""
    from tests.official_samples import key_lists

    pairs = {
        "s1v3.ckpt": "s1_v2", "v2Pro/s2Gv2Pro.pth": "s2G_v2Pro", "v2Pro/s2Gv2ProPlus.pth": "s2G_v2ProPlus",
        "v2Pro/s2Dv2ProPlus.pth": "s2D_v2ProPlus", "sv/pretrained_eres2netv2w24s4ep4.ckpt": "sv_eres2netv2",
        "chinese-hubert-base/pytorch_model.bin": "cnhubert_base_hf",
    }  # fmt: skip
    for path, keys in pairs.items():
        values = 0
        for _, shape, dtype in key_lists()[keys]:
            count = 1
            for size in shape:
                count *= size
            values += count * (8 if dtype == "int64" else 2)
        size = assets.ASSETS[path].size
        assert size is not None
        assert 0 < size - values < 400_000, path
