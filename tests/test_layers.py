"""The rules of the architecture that a machine can check, read from the source by `ast`.

The picture is in README.md. A new module gets its place in `LAYERS`, or the first test names it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sovits_tts"

# Bottom first. Imports point down, or sideways inside one row; SEPARATE rows do not import sideways.
LAYERS = [
    {"errors", "progress", "device"},
    {"audio", "media", "mel", "resample", "alignment", "activity", "pitch", "pitch_shift", "dsp", "balance"}
    | {"assets", "download", "specs", "config"},
    {"text", "models"},
    {"checkpoints"},
    {"features"},
    {"clip", "transcript", "voice", "voice_making", "voicepack", "voicepack_write", "voices", "data"},
    {"options", "guards", "synthesis", "conversion", "tts", "batch", "streaming", "training", "evaluation"},
    {"finetune"},
    {"app"},
]
SEPARATE = [{"text", "models"}, {"voice", "data"}, {"voice_making", "data"}, {"training", "evaluation"}]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

APP_ONLY = {"typer", "click", "rich", "tqdm", "gradio", "fastapi", "uvicorn"}
UNSAFE_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Parameter names of GPT-SoVITS that our own networks do not share.
OFFICIAL = re.compile(
    r"\b(enc_p|enc_q|ref_enc|ssl_proj|sv_emb|ge_to512|cnhubert|word2ph|encoder_ssl|encoder_text|encoder2|ar_\w*(layer|embedding|position))\b"
)
RUNS_CODE = {"eval", "exec", "os.system", "torch.load", "torch.save"}
VERSIONS = {"v1", "v2", "v3", "v4", "v2Pro", "v2ProPlus", "mini"}


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_official(path: Path) -> bool:
    return path.parent.name == "checkpoints" and path.name.startswith("official")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module as a dotted name, with its line; imports inside functions count too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports relatively; write the whole name"
            module = node.module or ""
            if module == "sovits_tts":
                yield from ((f"sovits_tts.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield module, node.lineno


def rooms_imported(path: Path) -> Iterator[tuple[str, int]]:
    for name, line in imported(path):
        parts = name.split(".")
        if parts[0] == "sovits_tts" and len(parts) > 1 and not parts[1].startswith("__"):
            yield parts[1], line


inside = [path for path in files() if path != PACKAGE / "__init__.py"]  # the facade imports lazily, for everybody
unofficial = [path for path in files() if not is_official(path)]


def where(path: Path, line: int, what: str) -> str:
    return f"{path.relative_to(ROOT)}:{line} {what}"


def nodes(paths: list[Path], *kinds: type[Any]) -> Iterator[tuple[Path, Any]]:
    yield from ((path, node) for path in paths for node in ast.walk(tree(path)) if isinstance(node, kinds))


def test_every_module_has_a_layer() -> None:
    assert {room(path) for path in inside} - set(RANK) == set()


def test_imports_point_down() -> None:
    wrong = []
    for path in inside:
        here = room(path)
        for there, line in rooms_imported(path):
            sideways = here != there and any({here, there} <= pair for pair in SEPARATE)
            if RANK.get(there, len(RANK)) > RANK.get(here, -1) or sideways:
                wrong.append(where(path, line, f"{here} imports {there}"))
    assert wrong == []


def test_no_import_circles() -> None:
    """Inside a row rooms may use each other, but not in a circle."""
    reached = {
        here: {there for path in inside if room(path) == here for there, _ in rooms_imported(path)} - {here}
        for here in RANK
    }
    for _ in LAYERS:
        reached = {here: near.union(*(reached.get(there, set()) for there in near)) for here, near in reached.items()}
    assert [here for here, far in reached.items() if here in far] == []


def test_only_app_talks_to_people() -> None:
    below = [path for path in inside if room(path) != "app"]
    wrong = [
        where(path, line, name) for path in below for name, line in imported(path) if name.split(".")[0] in APP_ONLY
    ]
    for path, node in nodes(below, ast.Call):
        if ast.unparse(node.func) in {"print", "input"}:
            wrong.append(where(path, node.lineno, ast.unparse(node.func)))
    assert wrong == []


def test_official_names_stay_in_one_place() -> None:
    wrong = []
    for path in unofficial:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if OFFICIAL.search(line):
                wrong.append(where(path, number, line.strip()))
    assert wrong == []


def test_versions_are_data() -> None:
    """Nobody asks for a version's name; a row of specs.py has the field that decides."""
    wrong = []
    for path, node in nodes([path for path in unofficial if room(path) != "specs"], ast.Compare):
        sides = [node.left, *node.comparators]
        literals = [item for side in sides for item in (getattr(side, "elts", None) or [side])]
        names_version = any(isinstance(item, ast.Constant) and item.value in VERSIONS for item in literals)
        asks_name = any(ast.unparse(side).endswith("spec.name") for side in sides)
        if names_version or asks_name:
            wrong.append(where(path, node.lineno, ast.unparse(node)))
    assert wrong == []


def test_nothing_runs_what_a_file_says() -> None:
    """No pickle, eval, exec or shell, except the allow-list unpickler of official files."""
    wrong = []
    for path in unofficial:
        wrong += [where(path, line, name) for name, line in imported(path) if name.split(".")[0] in UNSAFE_MODULES]
    for path, node in nodes(files(), ast.Call):
        called = ast.unparse(node.func)
        shell = any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in node.keywords)
        exported = called == "torch.save" and is_official(path)  # an exported file is of the original's kind
        if (called in RUNS_CODE or shell) and not exported:
            wrong.append(where(path, node.lineno, called))
    assert wrong == []


def test_files_and_functions_stay_readable() -> None:
    long = [f"{path.name}: {n} lines" for path in files() if (n := len(path.read_text("utf-8").splitlines())) > 500]
    for path, node in nodes(files(), ast.FunctionDef):
        if (size := node.end_lineno - node.lineno + 1) > 100:
            long.append(where(path, node.lineno, f"{node.name}: {size} lines"))
    assert long == []


def test_no_path_of_one_machine_is_committed() -> None:
    machine = re.compile(r"/(work|root|home/\w+|tmp)/\w")
    kinds = {".py", ".yaml", ".json", ".jsonl", ".md", ".toml", ".lock", ".txt", ".csv", ".tsv"}
    places = ["sovits_tts", "configs", "docs", "scripts", "tests", "pretrained/mini", "pretrained/voices"]
    texts = [p for place in places for p in (ROOT / place).rglob("*") if p.suffix in kinds and p.is_file()]
    texts += [p for p in ROOT.iterdir() if p.suffix in kinds or p.name == "Makefile"]
    assert [str(p.relative_to(ROOT)) for p in texts if machine.search(p.read_text(encoding="utf-8"))] == []
