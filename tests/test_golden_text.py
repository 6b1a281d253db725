"""`python -m tests.golden_text`: its figures, its rules, and its table of judgements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.errors import MissingDependency
from tests.golden_text import compare as comparing
from tests.golden_text.__main__ import figures, main
from tests.golden_text.align import distance
from tests.golden_text.compare import Judgement, judged, judgements
from tests.golden_text.findings import marks
from tests.golden_text.rows import Row, Spoken, ours

# Judgements of lines in one language that every installation reads; those of other lines are given in phonemes.
PLAIN = [key for key, rows in judgements().items() if key[0] in ("zh", "en") and rows[0].reading[0] != "/"]


PHONES = "w o2 m ai3 l e5 p ing2 g uo3 , h ua1 l e5 j iu3 m o [ t o ."


def write(folder: Path, name: str, *records: dict[str, Any]) -> Path:
    (folder / name).write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in records), encoding="utf-8")
    return folder


def zh(text: str, norm: str, phones: str, counts: list[int], **more: Any) -> dict[str, Any]:
    return {"text": text, "lang": "zh", "norm_text": norm, "phones": phones.split(), "word2ph": counts, **more}


def en(text: str, norm: str, phones: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "lang": "en", "norm_text": norm, "phones": phones.split(), "word2ph": None, **more}


def row(language: str, text: str, table: str = "v2") -> Row:
    return Row(language, language, text, table, (), (), frozenset(), ())


def test_figures_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        tmp_path, "zh_b.jsonl",
        zh("你好。", "你好.", "n i2 h ao3 .", [2, 2, 1], phones_v1=["n", "i2", "h", "ao3", "."], word2ph_v1=[2, 2, 1]),
        zh("共3:2。", "共三二.", "g ong4 s an1 EE er4 .", [2, 2, 2, 1]),
        zh("花。", "花.", "h ua4 .", [2, 1]),
    )  # fmt: skip
    write(tmp_path, "presplit.jsonl", {
        "text": "你好", "lang": "zh", "method": "cut0", "after_collapse": "你好", "segments": ["。你好。"]
    })  # fmt: skip
    assert main([str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(json.dumps(figures(tmp_path)))
    numbers = found["zh"]
    assert [numbers[k] for k in ("lines", "identical", "better", "equal", "worse")] == [3, 1, 1, 0, 1]
    assert numbers["identical_share_without_better"] == 0.5
    assert numbers["phoneme_error_rate"] == round(3 / 15, 4)  # b i3 too many, ua1 for ua4; of 5 + 7 + 3
    assert [(line["verdict"], line["reasons"][0]["reason"]) for line in numbers["differing"]] == [
        ("better", "ratio"), ("worse", "reading"),
    ]  # fmt: skip
    assert found["zh_v1"]["identical"] == 1 and found["presplit"] == {"lines": 1, "identical": 1, "differing": []}
    main([str(tmp_path)])
    assert "worse reading" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("record", "verdict", "reason"),
    [
        (en("NASA saw.", "N A S A saw.", "EH1 N EY1 EH1 S EY1 S AO1 ."), "better", "capitals_are_a_word"),
        (en("One; two", "One two", "W AH1 N T UW1"), "better", "pause_kept"),
        (en("Call 555-1234 now", "Call five hundred fifty-five twelve thirty-four now",
            "K AO1 L F AY1 V HH AH1 N D R AH0 D F IH1 F T IY0 F AY1 V T W EH1 L V TH ER1 T AY0 F R UH0 R N AW1"),
         "better", "hyphenated_number"),
        (en("I read it.", "I read it.", "AY1 R IY1 D IH1 T .",
            heteronyms=[{"word": "read", "if_pos": ["R", "IY1", "D"], "else": ["R", "EH1", "D"]}]), "", ""),
        (en("A cat.", "A cat.", "EY1 K AE1 T ."), "better", "article"),
        (en("A cat.", "A cat.", "AH0 K AE1 P ."), "worse", "pronunciation"),
    ],
)  # fmt: skip
def test_english_rules(tmp_path: Path, record: dict[str, Any], verdict: str, reason: str) -> None:
    numbers = figures(write(tmp_path, "en.jsonl", record))["en"]
    found = [(line["verdict"], line["reasons"][0]["reason"]) for line in numbers["differing"]]
    assert found == ([(verdict, reason)] if verdict else [])


def test_the_other_choice_of_upstream_is_equal(tmp_path: Path) -> None:
    past = en("Yesterday I read it.", "Yesterday I read it.", "Y EH1 S T ER0 D EY2 AY1 R IY1 D IH1 T .",
              heteronyms=[{"word": "read", "if_pos": ["R", "IY1", "D"], "else": ["R", "EH1", "D"]}])  # fmt: skip
    (line,) = figures(write(tmp_path, "en.jsonl", past))["en"]["differing"]
    assert (line["verdict"], line["reasons"][0]["reason"]) == ("equal", "other_choice")


def test_short_english_has_upstreams_comma(tmp_path: Path) -> None:
    assert figures(write(tmp_path, "en.jsonl", en("OK", "OK", ", OW1 K EY1")))["en"]["identical"] == 1


def test_mixed_lines_name_the_language(tmp_path: Path) -> None:
    record = {
        "text": "我买了苹果，花了九元。", "lang": "auto", "mode": "auto",
        "phones": PHONES.split(),
        "segments": [
            {"lang": "zh", "text": "我买了苹果，花了九", "norm": "我买了苹果,花了九", "n_phones": 17,
             "word2ph": [2, 2, 2, 2, 2, 1, 2, 2, 2]},
            {"lang": "ja", "text": "元。", "norm": "元。", "n_phones": 6, "word2ph": None},
        ],
    }  # fmt: skip
    (line,) = figures(write(tmp_path, "mixed.jsonl", record))["mixed_auto"]["differing"]
    assert (line["verdict"], line["reasons"][0]["reason"]) == ("better", "chinese_taken_for_japanese")


def test_marks() -> None:
    def named(theirs: str, ours: str, text: str = "a；b") -> list[tuple[str, str]]:
        return [(f.verdict, f.reason) for f in marks(text, theirs.split(), ours.split())]

    assert named("a b", "a , b") == [("better", "pause_kept")]
    assert named("a b", "a , b", "ab") == [("worse", "pause_kept")]
    assert named("a ! ! b", "a ! b") == [("equal", "run_of_marks")]
    assert named("a - b", "a b", "a'b") == [("better", "no_pause_in_word")]
    assert named("a , b", "a b") == [("worse", "pause_lost")]


def test_distance() -> None:
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == 3


@pytest.mark.parametrize("key", PLAIN, ids=lambda key: key[1][:30])
def test_judgements_still_are_about_what_we_say(key: tuple[str, str]) -> None:
    """A row whose reading we no longer give has lost its meaning. Some lines differ in one table only."""
    language, text = key
    read = [tuple(p for run in ours(row(language, text, table)) for p in run.phonemes) for table in ("v2", "v1")]
    for entry in judgements()[key]:
        assert entry.verdict in ("better", "equal") and entry.reason
    assert any(judged(row(language, text, table), said) for table, said in zip(("v2", "v1"), read, strict=True))


def test_a_judgement_needs_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "judgements", lambda: {("zh", "行"): [Judgement("better", "行<hang2>", "why")]})
    assert judged(row("zh", "行"), ("h", "ang2")) is not None
    assert judged(row("zh", "行"), ("x", "ing2")) is None


def test_languages_that_are_not_installed_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(row: Row) -> tuple[Spoken, ...]:
        raise MissingDependency("no")

    monkeypatch.setattr(comparing, "ours", absent)
    write(tmp_path, "ja.jsonl", {"text": "はい", "lang": "ja", "norm_text": "はい", "phones": ["h", "a", "i"]})
    numbers = figures(tmp_path)["ja"]
    assert (numbers["unread"], numbers["identical_share"]) == (1, None)
