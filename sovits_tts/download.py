"""Fetches one file over https: resumable, checked, whole or not at all.

Plain `urllib`, on purpose: it puts a file where we say, goes on where it stopped and lets us check it against our own
table; the hub's client keeps a cache of links elsewhere and checks nothing against a table of ours.
"""

from __future__ import annotations

import hashlib
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from sovits_tts.errors import ConfigError, DownloadError
from sovits_tts.progress import Event, OnEvent, silent

_ATTEMPTS = 4
_PAUSE = 0.2  # seconds before the second attempt; four times as long before each further one
_TIMEOUT = 30.0  # seconds without a byte
_BLOCK = 1 << 18  # bytes between two events
_LARGEST_MEMBER = 1 << 30  # bytes of one file in an archive


def require_https(url: str) -> None:
    """Raises ConfigError unless the address is https, or on this machine."""
    parts = urllib.parse.urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ConfigError(f"{url} is not an https address.", hint="Use one that begins with https://.")


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    hint: str = "",
    on_event: OnEvent = silent,
) -> Path:
    """Download `url` to `target`, through `<target>.part`, which a later call goes on with.

    size: bytes, sha256: hex; checked where given
    hint: what the user can do when it fails
    Raises DownloadError when the server refuses, the network fails four times, the disk is full, or the file is not
    the one expected (it is deleted then); ConfigError for an address that is not https.
    """
    require_https(url)
    part = target.with_name(target.name + ".part")
    for attempt in range(_ATTEMPTS):
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            _receive(url, size, part, on_event)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == _ATTEMPTS - 1:
                raise DownloadError(f"{url} answered {error.code} ({error.reason}).", hint=hint) from error
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            if attempt == _ATTEMPTS - 1:
                reason = getattr(error, "reason", "") or error
                raise DownloadError(f"{target.name} cannot be downloaded: {reason}.", hint=hint) from error
        except OSError as error:
            raise DownloadError(
                f"{part} cannot be written: {error}.", hint="Make room, or choose another place."
            ) from error
        time.sleep(_PAUSE * 4**attempt)
    _verify(part, target.name, size, sha256)
    part.replace(target)
    return target


def unpack(
    archive: Path, folder: Path, wanted: Collection[str], optional: Collection[str] = (), *, hint: str = ""
) -> None:
    """The named files of a zip, from whatever folder inside it, into `folder`: all that are wanted or none.

    Raises DownloadError for an archive that is damaged (it is deleted then), lacks one, or claims absurd sizes.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with ZipFile(archive) as opened:
            for member in opened.infolist():
                name = PurePosixPath(member.filename).name
                if name not in wanted and name not in optional:
                    continue
                if member.file_size > _LARGEST_MEMBER:
                    raise DownloadError(f"{name} in {archive.name} claims {member.file_size} bytes.", hint=hint)
                with opened.open(member) as source, (part / name).open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (BadZipFile, EOFError, OSError) as error:
        archive.unlink()
        raise DownloadError(f"{archive.name} cannot be unpacked: {error}.", hint=hint) from error
    lacking = [name for name in wanted if not (part / name).is_file()]
    if lacking:
        raise DownloadError(f"{archive.name} lacks {', '.join(lacking)}.", hint=hint)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _receive(url: str, size: int | None, part: Path, on_event: OnEvent) -> None:
    """Append to `part` what is missing of the file. Raises what urllib raises, and DownloadError for a full disk."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return  # complete, or too long, which the check will tell
    request = urllib.request.Request(url, headers={"User-Agent": "sovits-tts", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.build_opener(_HttpsRedirects()).open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        if error.headers.get("Content-Range", "").endswith(f"/{have}"):
            return  # the range began at the end: nothing is missing
        part.unlink()
        raise urllib.error.URLError("the part on disk does not fit the file") from error
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        left = int(response.headers.get("Content-Length") or 0)
        if left > shutil.disk_usage(part.parent).free:
            raise DownloadError(f"{part.parent} has no room for {left >> 20} MB.", hint="Make room there.")
        with part.open("ab" if resumed else "wb") as file:
            _copy(response, file, have, have + left, part.name.removesuffix(".part"), on_event)


def _copy(response: HTTPResponse, file: Any, have: int, total: int, name: str, on_event: OnEvent) -> None:
    while block := response.read(_BLOCK):
        file.write(block)
        have += len(block)
        on_event(Event("download", have, total, "bytes", name))
    if total > have:
        raise urllib.error.URLError(f"the connection closed after {have} of {total} bytes")


def _verify(part: Path, name: str, size: int | None, sha256: str | None) -> None:
    found = part.stat().st_size
    wrong = f"it has {found} bytes instead of {size}" if size not in (None, found) else ""
    if not wrong and sha256:
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        wrong = "" if digest == sha256 else f"its sha256 is {digest}"
    if wrong:
        part.unlink()
        raise DownloadError(
            f"What came for {name} is not the file in the table: {wrong}.",
            hint="Try again; if it happens again, the server is not to be trusted.",
        )
