"""Readings by g2pW, an optional model (Chen et al. 2022, "g2pW: A Conditional Weighted Softmax BERT for Polyphone
Disambiguation in Mandarin"), run by onnxruntime.

It was trained on traditional characters of Taiwan, so a stretch is converted first. Of the positions it is asked about
it reads those with several readings in its own table; the others with one reading have that one. Which characters it is
not asked about, and how much context it sees, are upstream's choices, since readings depend on them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from sovits_tts import assets
from sovits_tts.errors import CheckpointError, ConfigError, MissingDependency, TextError
from sovits_tts.text.zh.phonemes import initial_final, plain_pinyin

CONTEXT = 16  # characters that the model sees before the first and after the last character with several readings
_LONGEST = 510  # of 512 positions two are [CLS] and [SEP]
# Characters whose readings in the model's table mislead it, and whose only reading there is not theirs.
_NOT_ASKED = frozenset("一不和咋嗲剖差攢倒難奔勁拗肖瘙誒泊听噢")
_NOT_SINGLE = frozenset("似攢")
_FIXED = {"唉": "ai4", "牦": "mao2", "唑": "zuo4"}
_ALIASES = {"attention_masks": "attention_mask", "phoneme_masks": "phoneme_mask"}


class Session(Protocol):
    """The part of onnxruntime.InferenceSession that is used."""

    def get_inputs(self) -> Sequence[Any]: ...

    def run(self, output_names: None, feed: Mapping[str, Any]) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Tables:
    """labels: bopomofo with a tone, or character and bopomofo, in the order of the model's outputs;
    choices: for each character with several readings the numbers of its labels; single: bopomofo of the others;
    pinyin: bopomofo without a tone -> pinyin"""

    labels: tuple[str, ...]
    choices: Mapping[str, tuple[int, ...]]
    single: Mapping[str, str]
    pinyin: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Tables:
        """Raises CheckpointError where a file is missing or not what it should be."""
        try:
            several = _pairs(folder / "POLYPHONIC_CHARS.txt")
            single = dict(_pairs(folder / "MONOPHONIC_CHARS.txt"))
            pinyin = json.loads((folder / "bopomofo_to_pinyin_wo_tune_dict.json").read_text(encoding="utf-8"))
            config = folder / "config.py"
            stated = config.read_text(encoding="utf-8") if config.is_file() else ""
        except (OSError, ValueError) as error:
            raise CheckpointError(f"The g2pW model in {folder} is damaged: {error}.", hint=_HINT) from error
        with_char = re.search(r"^\s*use_char_phoneme\s*=\s*True\b", stated, re.MULTILINE) is not None
        named = [f"{char} {sound}" if with_char else sound for char, sound in several]
        labels = tuple(sorted(set(named)))
        number = {label: index for index, label in enumerate(labels)}
        choices: dict[str, tuple[int, ...]] = {}
        for (char, _), label in zip(several, named, strict=True):
            choices[char] = (*choices.get(char, ()), number[label])
        return cls(labels, choices, single, pinyin)

    def syllable(self, bopomofo: str) -> str | None:
        """ㄓㄨㄥ4 -> zhong4; None for what is no Mandarin syllable."""
        base = self.pinyin.get(bopomofo[:-1])
        if base is None:
            return None
        try:
            found = plain_pinyin(base + bopomofo[-1])
            initial_final(found)
        except TextError:
            return None
        return found


class G2PW:
    """Chooses readings; see `readings.Chooser`.

    vocabulary: the token of each character, [CLS], [SEP] and [UNK] among them
    traditional: simplified -> traditional characters of Taiwan, one for one
    """

    def __init__(
        self, session: Session, tables: Tables, vocabulary: Mapping[str, int], traditional: Callable[[str], str]
    ) -> None:
        self._session = session
        self._inputs = [entry.name for entry in session.get_inputs()]
        self._tables = tables
        self._chars = {char: index for index, char in enumerate(sorted(tables.choices))}
        self._vocabulary = vocabulary
        self._traditional = traditional

    def __call__(self, text: str, positions: Sequence[int]) -> dict[int, str]:
        """Pinyin for those of the positions that the model has an answer for."""
        found = {at: _FIXED[text[at]] for at in positions if text[at] in _FIXED}
        written = self._traditional(text)
        if len(written) != len(text):
            return found  # nobody could tell which character is which
        tables = self._tables
        open_at = [at for at, char in enumerate(written) if char in tables.choices and char not in _NOT_ASKED]
        asked = [at for at in open_at if at in set(positions) and at not in found]
        for at, label in zip(asked, self._labels(written, asked, open_at), strict=True):
            found[at] = tables.syllable(label.rpartition(" ")[2]) or ""
        for at in positions:
            if at not in found and written[at] in tables.single and written[at] not in _NOT_SINGLE:
                found[at] = tables.syllable(tables.single[written[at]]) or ""
        return {at: syllable for at, syllable in found.items() if syllable}

    def _labels(self, written: str, asked: Sequence[int], open_at: Sequence[int]) -> list[str]:
        if not asked:
            return []
        start, end = max(0, open_at[0] - CONTEXT), min(len(written), open_at[-1] + CONTEXT + 1)
        if end - start <= _LONGEST:
            return self._predicted(written[start:end], [at - start for at in asked])
        labels = []
        for at in asked:  # each by itself, with its own context
            start = max(0, at - CONTEXT)
            labels += self._predicted(written[start : at + CONTEXT + 1], [at - start])
        return labels

    def _predicted(self, crop: str, queries: Sequence[int]) -> list[str]:
        """The likeliest label of each query among those of its character."""
        import numpy as np

        feed = self.features(crop, queries)
        outputs = self._session.run(None, {name: feed[_ALIASES.get(name, name)] for name in self._inputs})[0]
        if outputs.shape != feed["phoneme_mask"].shape:
            raise CheckpointError(
                f"The g2pW model has {outputs.shape[-1]} outputs for {len(self._tables.labels)} labels.", hint=_HINT
            )
        allowed = np.where(feed["phoneme_mask"] > 0, outputs, -np.inf)
        return [self._tables.labels[index] for index in allowed.argmax(axis=1)]

    def features(self, crop: str, queries: Sequence[int]) -> dict[str, Any]:
        """What the model is given: one row for each queried position of `crop`.

        input_ids, token_type_ids, attention_mask: (N, 2 + characters); phoneme_mask: (N, labels);
        char_ids, position_ids: (N,), the latter counted with [CLS]
        """
        import numpy as np

        unknown = self._vocabulary["[UNK]"]
        tokens = [self._vocabulary.get(char, unknown) for char in crop]
        row = [self._vocabulary["[CLS]"], *tokens, self._vocabulary["[SEP]"]]
        mask = np.zeros((len(queries), len(self._tables.labels)), dtype=np.float32)
        for index, at in enumerate(queries):
            mask[index, list(self._tables.choices[crop[at]])] = 1.0
        ids = np.array([row] * len(queries), dtype=np.int64)
        return {
            "input_ids": ids,
            "token_type_ids": np.zeros_like(ids),
            "attention_mask": np.ones_like(ids),
            "phoneme_mask": mask,
            "char_ids": np.array([self._chars[crop[at]] for at in queries], dtype=np.int64),
            "position_ids": np.array([at + 1 for at in queries], dtype=np.int64),
        }


_HINT = f"Run `sovits-tts models download {assets.G2PW}` again."


def _pairs(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.strip()]
    if any(len(row) != 2 or len(row[0]) != 1 or not row[1] for row in rows) or not rows:
        raise ValueError(f"{path.name} should have a character and a reading in each line")
    return [(char, sound.strip()) for char, sound in rows]


@cache
def installed() -> G2PW:
    """The downloaded model, loaded once. Raises ConfigError where its files are missing, MissingDependency without
    onnxruntime and OpenCC, CheckpointError for damaged files."""
    folder = assets.locate(assets.G2PW_FOLDER, assets.G2PW)
    vocabulary = assets.locate(assets.G2PW_VOCABULARY, assets.G2PW)
    try:
        import onnxruntime
        from opencc import OpenCC
    except ImportError as error:
        raise MissingDependency(
            f"g2pW needs onnxruntime and OpenCC ({error}).", hint='pip install "sovits-tts[onnx]"'
        ) from error
    try:
        session = onnxruntime.InferenceSession(str(folder / "g2pW.onnx"), providers=["CPUExecutionProvider"])
        tokens = json.loads(vocabulary.read_text(encoding="utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"The g2pW model in {folder} cannot be loaded: {error}.", hint=_HINT) from error
    except Exception as error:  # onnxruntime's own errors have no common base
        raise CheckpointError(f"onnxruntime refuses {folder / 'g2pW.onnx'}: {error}.", hint=_HINT) from error
    return G2PW(session, Tables.read(folder), tokens, OpenCC("s2tw").convert)


def chooser(name: str) -> G2PW | None:
    """ "table": none, the tables decide; "g2pw": the installed model. Raises ConfigError for another name."""
    if name == "table":
        return None
    if name != "g2pw":
        raise ConfigError(f"There is no way to read characters called {name!r}.", hint="Choose table or g2pw.")
    return installed()
