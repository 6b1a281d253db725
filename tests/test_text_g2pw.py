"""g2pW: its tables, what the model is given, and what becomes of its answers.

The real model (600 MB) is not here. Its network is replaced at the boundary of onnxruntime: by a session of random
numbers, and, where onnx and onnxruntime are installed, by a real file of one layer.
"""

from __future__ import annotations

import builtins
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sovits_tts import assets
from sovits_tts.errors import CheckpointError, ConfigError, DownloadError, MissingDependency
from sovits_tts.text.frontend import read
from sovits_tts.text.zh import g2pw
from sovits_tts.text.zh.g2pw import CONTEXT, G2PW, Tables
from sovits_tts.text.zh.language import Mandarin

SEVERAL = ["行\tㄏㄤ2", "行\tㄒㄧㄥ2", "重\tㄔㄨㄥ2", "重\tㄓㄨㄥ4", "不\tㄅㄨ4", "不\tㄅㄨ2", "長\tㄓㄤ3", "長\tㄔㄤ2"]
SINGLE = ["銀\tㄧㄣ2", "血\tㄒㄧㄝ3", "似\tㄙ4", "甲\tㄑ1"]
PINYIN = {"ㄏㄤ": "hang", "ㄒㄧㄥ": "xing", "ㄔㄨㄥ": "chong", "ㄓㄨㄥ": "zhong", "ㄅㄨ": "bu", "ㄓㄤ": "zhang",
          "ㄔㄤ": "chang", "ㄧㄣ": "yin", "ㄒㄧㄝ": "xie", "ㄙ": "si", "ㄑ": "q"}  # fmt: skip
NAMES = ("input_ids", "token_type_ids", "attention_mask", "phoneme_mask", "char_ids", "position_ids")
VOCABULARY = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "行": 7, "重": 8, "長": 9, "了": 10}


def folder(tmp_path: Path, config: str = "") -> Path:
    (tmp_path / "POLYPHONIC_CHARS.txt").write_text("\n".join(SEVERAL) + "\n", encoding="utf-8")
    (tmp_path / "MONOPHONIC_CHARS.txt").write_text("\n".join(SINGLE) + "\n", encoding="utf-8")
    (tmp_path / "bopomofo_to_pinyin_wo_tune_dict.json").write_text(json.dumps(PINYIN), encoding="utf-8")
    if config:
        (tmp_path / "config.py").write_text(config, encoding="utf-8")
    return tmp_path


class RandomSession:
    """Stands where onnxruntime would: answers with random numbers and keeps what it was given."""

    def __init__(self, labels: int, names: Sequence[str] = NAMES) -> None:
        self.labels, self.names = labels, names
        self.fed: list[dict[str, Any]] = []
        self.random = np.random.default_rng(5)

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.names]

    def run(self, output_names: None, feed: Mapping[str, Any]) -> list[Any]:
        self.fed.append(dict(feed))
        return [self.random.random((len(next(iter(feed.values()))), self.labels), dtype=np.float32)]


def model(tmp_path: Path, labels: int | None = None, names: Sequence[str] = NAMES) -> tuple[G2PW, RandomSession]:
    tables = Tables.read(folder(tmp_path))
    session = RandomSession(labels or len(tables.labels), names)
    return G2PW(session, tables, VOCABULARY, lambda text: text.replace("长", "長")), session


def test_labels_are_sorted_and_belong_to_their_characters(tmp_path: Path) -> None:
    tables = Tables.read(folder(tmp_path))
    assert tables.labels == tuple(sorted({line.split("\t")[1] for line in SEVERAL}))
    assert {tables.labels[i] for i in tables.choices["行"]} == {"ㄏㄤ2", "ㄒㄧㄥ2"}
    with_char = Tables.read(folder(tmp_path, "x = 1\nuse_char_phoneme = True\n"))
    assert with_char.labels == tuple(sorted(line.replace("\t", " ") for line in SEVERAL))


def test_bopomofo_becomes_pinyin(tmp_path: Path) -> None:
    tables = Tables.read(folder(tmp_path))
    assert tables.syllable("ㄓㄨㄥ4") == "zhong4" and tables.syllable("ㄏㄤ5") == "hang5"
    assert tables.syllable("ㄑ1") is None and tables.syllable("ㄛ1") is None


def test_what_the_model_is_given(tmp_path: Path) -> None:
    chosen, _ = model(tmp_path)
    features = chosen.features("行了重甲", [0, 2])
    assert features["input_ids"].tolist() == [[101, 7, 10, 8, 100, 102]] * 2
    assert features["attention_mask"].tolist() == [[1] * 6] * 2 and not features["token_type_ids"].any()
    assert features["position_ids"].tolist() == [1, 3]
    characters = sorted({line[0] for line in SEVERAL})
    assert features["char_ids"].tolist() == [characters.index("行"), characters.index("重")]
    labels = sorted({line.split("\t")[1] for line in SEVERAL})
    assert [labels[i] for i in np.flatnonzero(features["phoneme_mask"][1])] == ["ㄓㄨㄥ4", "ㄔㄨㄥ2"]
    assert features["phoneme_mask"].dtype == np.float32 and features["char_ids"].dtype == np.int64


def test_an_answer_is_always_one_of_the_characters_own(tmp_path: Path) -> None:
    chosen, _ = model(tmp_path)
    seen = {chosen("重行长", (0, 1, 2))[at] for _ in range(40) for at in (0, 1, 2)}
    assert seen == {"chong2", "zhong4", "hang2", "xing2", "zhang3", "chang2"}


def test_the_crop_reaches_from_before_the_first_to_after_the_last(tmp_path: Path) -> None:
    chosen, session = model(tmp_path)
    text = "甲" * 40 + "行" + "乙" * 5 + "重" + "丙" * 40
    chosen(text, [46])  # 行 is not asked about, but the model has readings for it
    (fed,) = session.fed
    assert fed["input_ids"].shape == (1, 2 + CONTEXT + 1 + 5 + 1 + CONTEXT)
    assert fed["position_ids"].tolist() == [CONTEXT + 1 + 5 + 1]
    assert fed["input_ids"][0, fed["position_ids"][0]] == VOCABULARY["重"]
    session.fed.clear()
    chosen("行" + "乙" * 600 + "重", [0, 601])  # too far apart for one crop
    assert [fed["input_ids"].shape for fed in session.fed] == [(1, 2 + 1 + CONTEXT)] * 2
    assert [fed["position_ids"].tolist() for fed in session.fed] == [[1], [CONTEXT + 1]]


def test_characters_it_is_not_asked_about(tmp_path: Path) -> None:
    chosen, session = model(tmp_path)
    assert chosen("不", [0]) == {} and session.fed == []
    assert chosen("銀血似", [0, 1, 2]) == {0: "yin2", 1: "xie3"}
    assert chosen("唉牦唑甲乙", range(5)) == {0: "ai4", 1: "mao2", 2: "zuo4"}
    tables = Tables.read(tmp_path)
    longer = G2PW(session, tables, VOCABULARY, lambda text: text + "x")
    assert longer("行", [0]) == {} and session.fed == []


def test_other_names_of_the_inputs_and_a_wrong_model(tmp_path: Path) -> None:
    names = [f"{name}s" if name.endswith("mask") else name for name in NAMES]
    chosen, session = model(tmp_path, names=names)
    assert chosen("行", [0])[0] in ("hang2", "xing2")
    assert set(session.fed[0]) == set(names)
    wrong, _ = model(tmp_path, labels=3)
    with pytest.raises(CheckpointError, match="3 outputs for 8 labels"):
        wrong("行", [0])


def test_words_of_the_dictionary_come_first(tmp_path: Path) -> None:
    _, session = model(tmp_path)
    session.run = lambda names, feed: [np.eye(8, dtype=np.float32)[[0] * len(feed["char_ids"])]]  # type: ignore[method-assign]
    asked: list[str] = []

    class Asked(G2PW):
        def __call__(self, text: str, positions: Sequence[int]) -> dict[int, str]:
            asked.extend(text[at] for at in positions)
            return super().__call__(text, positions)

    mandarin = Mandarin(Asked(session, Tables.read(tmp_path), VOCABULARY, lambda text: text))
    assert mandarin.syllables("银行在行")[1] == "hang2"
    assert asked == ["行"]  # the one of 银行 is settled


def test_damaged_tables(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "POLYPHONIC_CHARS.txt").write_text("行\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"POLYPHONIC_CHARS\.txt"):
        Tables.read(tmp_path)
    (tmp_path / "POLYPHONIC_CHARS.txt").unlink()
    with pytest.raises(CheckpointError, match="damaged"):
        Tables.read(tmp_path)


@pytest.fixture
def nothing_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    g2pw.installed.cache_clear()
    monkeypatch.setattr(assets, "folders", lambda: [tmp_path / "pretrained"])
    monkeypatch.setattr(assets, "download_folder", lambda: tmp_path / "pretrained")
    return tmp_path / "pretrained"


def test_without_the_files_the_error_says_how_to_get_them(nothing_downloaded: Path) -> None:
    with pytest.raises(ConfigError, match="sovits-tts models download g2pw"):
        read("银行行长", polyphones="g2pw")
    with pytest.raises(ConfigError, match="table or g2pw"):
        read("银行行长", polyphones="pypinyin")
    assert read("银行行长").runs  # needs none of it
    row = next(row for row in assets.listing() if row["name"] == "g2pw")
    assert not row["installed"] and "G2PWModel/g2pW.onnx" in row["missing"]


def test_without_onnxruntime_the_error_has_the_install_line(
    nothing_downloaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(nothing_downloaded)
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match=r'pip install "sovits-tts\[onnx\]"'):
        g2pw.installed()


def files(pretrained: Path, network: bytes = b"") -> None:
    place = pretrained / assets.G2PW_FOLDER
    place.mkdir(parents=True)
    folder(place)
    (place / "g2pW.onnx").write_bytes(network)
    vocabulary = pretrained / assets.G2PW_VOCABULARY
    vocabulary.parent.mkdir(parents=True)
    vocabulary.write_text(json.dumps({"model": {"vocab": VOCABULARY}}), encoding="utf-8")


def one_layer() -> bytes:
    """An ONNX file that takes g2pW's inputs and answers with the mask, later labels higher."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    shapes = {"phoneme_mask": ["N", 8], "char_ids": ["N"], "position_ids": ["N"]}
    inputs = [
        helper.make_tensor_value_info(
            name, kinds.FLOAT if name == "phoneme_mask" else kinds.INT64, shapes.get(name, ["N", "L"])
        )
        for name in NAMES
    ]
    ramp = helper.make_tensor("ramp", kinds.FLOAT, [8], [float(i + 1) for i in range(8)])
    graph = helper.make_graph(
        [helper.make_node("Mul", ["phoneme_mask", "ramp"], ["probs"])],
        "g2pw", inputs, [helper.make_tensor_value_info("probs", kinds.FLOAT, ["N", 8])], [ramp],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(made.SerializeToString())


def test_a_real_file_is_loaded_and_run(nothing_downloaded: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("opencc")
    files(nothing_downloaded, one_layer())
    try:
        labels = Tables.read(nothing_downloaded / assets.G2PW_FOLDER).labels
        own = {char: [line.split("\t")[1] for line in SEVERAL if line[0] == char] for char in "重行長"}
        likeliest = [max(sounds, key=labels.index) for sounds in own.values()]
        wanted = {at: PINYIN[sound[:-1]] + sound[-1] for at, sound in enumerate(likeliest)}
        assert g2pw.installed()("重行长", (0, 1, 2)) == wanted
        assert read("他在行", polyphones="g2pw").runs[0].per_char is not None
    finally:
        g2pw.installed.cache_clear()


def archive(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for name in names:
            opened.writestr(f"G2PWModel_1.1/{name}", "x")
        opened.writestr("../../outside.txt", "x")
    return made.getvalue()


def test_the_archive_is_unpacked_whole_or_not_at_all(nothing_downloaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [path.partition("/")[2] for path in assets._g2pw_paths()[:-1]]
    given = [archive(*names[1:]), b"no zip", archive(*names, "config.py", "record.log")]

    def fetch(url: str, target: Path, **more: Any) -> Path:
        assert url.endswith("/G2PWModel.zip")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(given.pop(0))
        return target

    monkeypatch.setattr(assets, "fetch", fetch)
    monkeypatch.setattr(assets, "_fetch", lambda asset, target, on_event: target)
    for complaint in ("lacks g2pW.onnx", "cannot be unpacked"):
        with pytest.raises(DownloadError, match=complaint):
            assets.download(["g2pw"])
        assert not (nothing_downloaded / "G2PWModel").exists()
    done = assets.download(["g2pw"])
    assert {path.name for path in done} == {*names, "tokenizer.json"}
    assert {path.name for path in (nothing_downloaded / "G2PWModel").iterdir()} == {*names, "config.py"}
    assert not (nothing_downloaded.parent / "outside.txt").exists()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert assets.download(["g2pw"], folder=nothing_downloaded)[0].name == "g2pW.onnx"  # nothing is fetched again


def test_offline_says_where_to_put_it(nothing_downloaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="by hand"):
        assets.download(["g2pw"])
