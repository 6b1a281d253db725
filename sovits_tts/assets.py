"""The downloadable files of GPT-SoVITS: what there is, where it lies, how to get it.

Layout and file names are those of the repository, so a `pretrained_models` folder of an existing GPT-SoVITS can be
copied or linked in as it is.
"""

from __future__ import annotations

import os
import sys
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_tts.download import fetch, require_https, unpack
from sovits_tts.errors import ConfigError, DownloadError
from sovits_tts.progress import OnEvent, silent

REPOSITORY = "lj1995/GPT-SoVITS"
REVISION = "336b2ec4e8d4ac74740798dd40af44e74659ecaf"
DEFAULT_ENDPOINT = "https://huggingface.co"
EMBEDDED = "mini"


@dataclass(frozen=True)
class Asset:
    """One file of the repository. size: bytes; sha256: hex; None: not known for sure, so not checked."""

    path: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model, by path; `content` and `bert` are folders. Only training needs the discriminators."""

    gpt: str
    vits: str
    discriminators: str
    speaker: str | None = None
    content: str = "chinese-hubert-base"
    bert: str = "chinese-roberta-wwm-ext-large"

    def paths(self, training: bool = False) -> list[str]:
        """Every file, folders spelt out."""
        inside = [path for path in ASSETS if path.startswith((f"{self.content}/", f"{self.bert}/"))]
        single = [self.gpt, self.vits, self.speaker, self.discriminators if training else None]
        return [*(path for path in single if path), *inside]


_S1_V1 = "s1bert25hz-2kh-longer-epoch=68e-step=50232.ckpt"
_V2 = "gsv-v2final-pretrained"
_S1_V2 = f"{_V2}/s1bert25hz-5kh-longer-epoch=12-step=369668.ckpt"
_SPEAKER = "sv/pretrained_eres2netv2w24s4ep4.ckpt"

# Sizes and sums: given alike by at least two independent public projects that pin these files; else left out.
ASSETS: dict[str, Asset] = {
    asset.path: asset
    for asset in (
        Asset(_S1_V1),
        Asset("s2G488k.pth"),
        Asset("s2D488k.pth"),
        Asset(_S1_V2, sha256="732f94e63b148066e24c7f9d2637f3374083e637635f07fbdb695dee20ddbe1f"),
        Asset(f"{_V2}/s2G2333k.pth", sha256="924fdccaa3c574bf139c25c9759aa1ed3b3f99e19a7c529ee996c2bc17663695"),
        Asset(f"{_V2}/s2D2333k.pth"),
        Asset("s1v3.ckpt", 155_284_856, "87133414860ea14ff6620c483a3db5ed07b44be42e2c3fcdad65523a729a745a"),
        Asset("v2Pro/s2Gv2Pro.pth", 162_303_657, "0f8ead815234365edf045c6d86370ed6e4f440e8195be77ff0ea72684ad406a5"),
        Asset("v2Pro/s2Dv2Pro.pth"),
        Asset(
            "v2Pro/s2Gv2ProPlus.pth", 200_125_741, "d42a22bbbf65fb2bbdd45ad6a66841156977db45c7aabe0a6992ff378d9c7d3b"
        ),
        Asset(
            "v2Pro/s2Dv2ProPlus.pth", 126_432_639, "635cd84bf6f7f9b8d41c88c7106f81d782c794c61f931845214ea037b0c5bef2"
        ),
        Asset(_SPEAKER, 107_528_697, "4f5a0bf73c61eb41b174e1bb54e7ee3c83233892be8e0af1f187024e8e581a35"),
        Asset(
            "chinese-hubert-base/config.json",
            1_449, "c3e5060a1277e0f078cc6be9da4528a605dba6ece93018981fe2c820e5c7b103",
        ),
        Asset(
            "chinese-hubert-base/pytorch_model.bin",
            188_811_417, "24164f129c66499d1346e2aa55f183250c223161ec2770c0da3d3b08cf432d3c",
        ),
        Asset(
            "chinese-roberta-wwm-ext-large/config.json",
            963, "3d57de2fd7e80d0e5c8ff194f0bbb6baa10df7e43fc262a0cc71298a78b0a3e5",
        ),
        Asset(
            "chinese-roberta-wwm-ext-large/tokenizer.json",
            268_962, "173796956820ea27bd14f76bf28162607ff4254807e2948253eb5b46f5bb643b",
        ),
        Asset(
            "chinese-roberta-wwm-ext-large/pytorch_model.bin",
            651_225_145, "e53a693acc59ace251d143d068096ae0d7b79e4b1b503fa84c9dcf576448c1d8",
        ),
    )
}  # fmt: skip

MODELS: dict[str, ModelFiles] = {
    "v1": ModelFiles(_S1_V1, "s2G488k.pth", "s2D488k.pth"),
    "v2": ModelFiles(_S1_V2, f"{_V2}/s2G2333k.pth", f"{_V2}/s2D2333k.pth"),
    "v2Pro": ModelFiles("s1v3.ckpt", "v2Pro/s2Gv2Pro.pth", "v2Pro/s2Dv2Pro.pth", _SPEAKER),
    "v2ProPlus": ModelFiles("s1v3.ckpt", "v2Pro/s2Gv2ProPlus.pth", "v2Pro/s2Dv2ProPlus.pth", _SPEAKER),
}


# The optional reader of Chinese characters (text/zh/g2pw.py): an archive, and the token of each character from BERT.
G2PW = "g2pw"
G2PW_FOLDER = "G2PWModel"
G2PW_VOCABULARY = "chinese-roberta-wwm-ext-large/tokenizer.json"
_G2PW_ARCHIVE = "XXXXRT/GPT-SoVITS-Pretrained/resolve/0c47645e02a7bc3688d7b263b0042c81e3cd82cd/G2PWModel.zip"
_G2PW_MEMBERS = ("g2pW.onnx", "POLYPHONIC_CHARS.txt", "MONOPHONIC_CHARS.txt", "bopomofo_to_pinyin_wo_tune_dict.json")
_G2PW_OPTIONAL = ("config.py",)  # read as text for one setting


# --- where files are ---------------------------------------------------------------------------------------------


def home() -> Path:
    """The user data folder: SOVITS_TTS_HOME, or the platform's usual place. It need not exist."""
    stated = os.environ.get("SOVITS_TTS_HOME")
    if stated:
        return Path(stated).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "sovits-tts"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "sovits-tts"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "sovits-tts"


def _checkout() -> Path | None:
    """The root of the source checkout this package runs from, if it does."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "pretrained").is_dir() else None


def download_folder() -> Path:
    """Where downloads go: `pretrained/` in SOVITS_TTS_HOME if that is set, else in the checkout, else in `home()`."""
    checkout = _checkout()
    if checkout is not None and not os.environ.get("SOVITS_TTS_HOME"):
        return checkout / "pretrained"
    return home() / "pretrained"


def folders() -> list[Path]:
    """Every folder that files are looked for in, the first choice first."""
    checkout = _checkout()
    places = [download_folder(), home() / "pretrained", *([checkout / "pretrained"] if checkout else [])]
    places.append(Path(__file__).resolve().parent / "pretrained")  # inside an installed wheel
    return list(dict.fromkeys(places))


def find(path: str) -> Path | None:
    """The file or folder `path` of the table (or `mini/config.yaml`, `voices`) where it lies, or None."""
    return next((folder / path for folder in folders() if (folder / path).exists()), None)


def embedded_model() -> Path | None:
    """The folder of the model that ships with the package."""
    config = find(f"{EMBEDDED}/config.yaml")
    return config.parent if config else None


def locate(path: str, model: str) -> Path:
    """Like `find`, for a part of `model`. Raises ConfigError with the line that downloads it."""
    found = find(path)
    if found is None:
        raise ConfigError(
            f"The model {model} is not downloaded: {path} is missing.",
            hint=f"Run `sovits-tts models download {model}`, or put the file at {download_folder() / path}.",
        )
    return found


def is_installed(asset: Asset) -> bool:
    """Whether the file is there, with the right size where that is known."""
    found = find(asset.path)
    return found is not None and found.is_file() and asset.size in (None, found.stat().st_size)


def listing() -> list[dict[str, Any]]:
    """Every model for `models list`: name, installed, bytes (None: not known), missing files, where it lies."""
    embedded = embedded_model()
    rows: list[dict[str, Any]] = [
        {"name": EMBEDDED, "installed": embedded is not None, "bytes": _folder_size(embedded), "missing": [],
         "path": str(embedded) if embedded else None}
    ]  # fmt: skip
    for name, files in MODELS.items():
        assets = [ASSETS[path] for path in files.paths()]
        missing = [asset.path for asset in assets if not is_installed(asset)]
        sizes = [asset.size for asset in assets]
        total = None if None in sizes else sum(size for size in sizes if size)
        place = None if missing else str(find(files.vits))
        rows.append({"name": name, "installed": not missing, "bytes": total, "missing": missing, "path": place})
    missing = [path for path in _g2pw_paths() if find(path) is None]
    place = None if missing else str(find(G2PW_FOLDER))
    rows.append({"name": G2PW, "installed": not missing, "bytes": None, "missing": missing, "path": place})
    return rows


def _g2pw_paths() -> list[str]:
    return [*(f"{G2PW_FOLDER}/{name}" for name in _G2PW_MEMBERS), G2PW_VOCABULARY]


def _folder_size(folder: Path | None) -> int | None:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder else None


# --- downloading -------------------------------------------------------------------------------------------------


def endpoint() -> str:
    """HF_ENDPOINT, or Hugging Face. Raises ConfigError unless it is https (or this machine)."""
    stated = os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT
    require_https(stated)
    return stated


def url_of(asset: Asset) -> str:
    return f"{endpoint()}/{REPOSITORY}/resolve/{REVISION}/{urllib.parse.quote(asset.path)}"


def download(
    models: Iterable[str], *, training: bool = False, on_event: OnEvent = silent, folder: Path | None = None
) -> list[Path]:
    """Fetch what is missing of these models; returns the paths of all their files.

    training: the discriminators too
    folder:   where to; `download_folder()` by default
    An interrupted download goes on where it stopped. Raises ConfigError for an unknown model, DownloadError if the
    network fails, HF_HUB_OFFLINE is set, or a file is not the one in the table.
    """
    paths: list[str] = []
    done: list[Path] = []
    for name in models:
        if name == G2PW:
            done += _fetch_g2pw(folder or download_folder(), on_event)
            paths.append(G2PW_VOCABULARY)
            continue
        if name not in MODELS:
            known = ", ".join((*MODELS, G2PW))
            raise ConfigError(f"There is no model {name!r} to download.", hint=f"Choose one of: {known}.")
        paths += MODELS[name].paths(training)
    for path in dict.fromkeys(paths):
        asset = ASSETS[path]
        found = find(path) if is_installed(asset) else None
        done.append(found or _fetch(asset, (folder or download_folder()) / path, on_event))
    return done


def _fetch_g2pw(folder: Path, on_event: OnEvent) -> list[Path]:
    """The files of g2pW, unpacked from the archive they come in."""
    wanted = [f"{G2PW_FOLDER}/{name}" for name in _G2PW_MEMBERS]
    if all(find(path) for path in wanted):
        return [place for path in wanted if (place := find(path))]
    target = folder / G2PW_FOLDER
    url = f"{endpoint()}/{_G2PW_ARCHIVE}"
    by_hand = f"Download {url} by hand and unpack it as {target}, or set HF_ENDPOINT to a mirror."
    _refuse_offline(G2PW_FOLDER, by_hand)
    archive = fetch(url, folder / f"{G2PW_FOLDER}.zip", hint=by_hand, on_event=on_event)
    unpack(archive, target, _G2PW_MEMBERS, _G2PW_OPTIONAL, hint=by_hand)
    archive.unlink()
    return [target / name for name in _G2PW_MEMBERS]


def _refuse_offline(path: str, by_hand: str) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise DownloadError(f"{path} is missing and HF_HUB_OFFLINE is set.", hint=by_hand)


def _fetch(asset: Asset, target: Path, on_event: OnEvent) -> Path:
    url = url_of(asset)
    by_hand = f"Download {url} by hand and put it at {target}, or set HF_ENDPOINT to a mirror."
    _refuse_offline(asset.path, by_hand)
    return fetch(url, target, size=asset.size, sha256=asset.sha256, hint=by_hand, on_event=on_event)
