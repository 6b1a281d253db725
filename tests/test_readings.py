"""Texts are read as people read them: for each language at least as often as when this was written."""

from __future__ import annotations

import json

import pytest

from tests.readings.__main__ import figures, main
from tests.readings.cases import Case, check, load

# language: (least number of cases, least share of them read right)
FLOORS = {
    "zh": (800, 0.99), "en": (800, 0.99), "ja": (60, 0.96), "ko": (30, 0.97), "yue": (30, 0.97), "mixed": (60, 0.98),
}  # fmt: skip


@pytest.mark.parametrize("language", FLOORS)
def test_share_of_texts_read_right(language: str) -> None:
    numbers = figures(case for case in load() if case.language == language)[language]
    if numbers["skipped"]:
        pytest.skip(numbers["skipped"])
    cases, share = FLOORS[language]
    assert numbers["cases"] >= cases
    assert numbers["share"] >= share, json.dumps(numbers["failures"], ensure_ascii=False, indent=1)


def test_every_file_belongs_to_a_language_and_no_text_stands_twice() -> None:
    cases = load()
    assert {case.language for case in cases} == set(FLOORS)
    texts = [(case.file, case.text) for case in cases]
    assert len(texts) == len(set(texts))


def test_punctuation_and_other_languages_are_not_compared() -> None:
    assert check(Case("zh_plain", "GDP的比例是3:2！", ("的比例是三比二",))).right
    assert not check(Case("zh_plain", "3:2", ("三二",))).right
    assert check(Case("mixed", "A股", ("[en]A[zh]股",))).right
    assert not check(Case("mixed", "A股", ("[zh]股",))).right
    assert not check(Case("en", "😊", ("smile",))).right


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "mixed", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"mixed"}
    assert main(["--only", "zh_everyday"]) == 0
    assert "of" in capsys.readouterr().out.splitlines()[-1]
