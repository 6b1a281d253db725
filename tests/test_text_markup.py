"""Markup: what is markup, what is not, and what a mistake looks like."""

from __future__ import annotations

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.markup import Pause, Span, parse


def spans(text: str) -> list[Span]:
    return [piece for piece in parse(text) if isinstance(piece, Span)]


def plain(text: str) -> str:
    """The text of a source in which nothing is markup."""
    found = list(parse(text))
    assert all(isinstance(p, Span) and not p.whole and p.language is None and p.rate == 1 for p in found)
    return "".join(p.text for p in found if isinstance(p, Span))


@pytest.mark.parametrize(
    "text",
    [
        "3 < 5 and 7 > 2",
        "a lone < here",
        "List<T>, Map<K, V> and vec2<int8>",
        "a[i] = b[0]; [pause] [x:1]",
        "<b>bold</b> 中文<br>换行 H<sub>2</sub>O",
        "영화<기생충>을 봤다",
        "<p>not inside speak</p> &lt;tag&gt;",
        "C:\\new\\table and a trailing \\",
        "language <language> langs <langs>",
    ],
)
def test_ordinary_text_stays_ordinary(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("written", "meant"), [(r"\<lang ja\>", "<lang ja>"), (r"\[pause:1]", "[pause:1]"), (r"a\\b", r"a\b")]
)
def test_escapes(written: str, meant: str) -> None:
    assert plain(written) == meant


@pytest.mark.parametrize(
    ("written", "seconds"), [("[pause:0.5]", 0.5), ("[pause:.25s]", 0.25), ("[pause: 500ms]", 0.5)]
)
def test_pauses(written: str, seconds: float) -> None:
    before, pause, after = parse(f"你好{written}世界")
    assert pause == Pause(seconds, 2)
    assert isinstance(before, Span) and isinstance(after, Span)
    assert (before.text, after.text, after.position) == ("你好", "世界", 2 + len(written))


@pytest.mark.parametrize(
    ("text", "word", "sound"),
    [
        ("去行<hang2>里", "行", "hang2"),
        ("中国银行<yin2 hang2>", "银行", "yin2 hang2"),
        ("one tomato<T AH0 M AA1 T OW2>.", "tomato", "T AH0 M AA1 T OW2"),
        ("a<EY1> b", "a", "EY1"),
        ("明日は今日<きょう>の次", "今日", "きょう"),
        ("私は<わ>", "は", "わ"),
        ("すぐ食べる<たべる>", "食べる", "たべる"),
        ("Python<パイソン>", "Python", "パイソン"),
        ("그 값<ㄱㅏㅂ>이", "값", "ㄱㅏㅂ"),
        ('<phoneme alphabet="pinyin" ph="hang2">行</phoneme>', "行", "hang2"),
    ],
)
def test_pronunciations(text: str, word: str, sound: str) -> None:
    marked = [span for span in spans(text) if span.pronunciation]
    assert [(span.text, span.pronunciation) for span in marked] == [(word, sound)]
    assert text[marked[0].position :].startswith(word)


def test_language_and_nested_speed() -> None:
    found = spans('我<lang ja>東京<prosody rate="50%">駅<prosody rate="+10%">前</prosody></prosody></lang>。')
    assert [(s.text, s.language, s.rate) for s in found] == [
        ("我", None, 1.0), ("東京", "ja", 1.0), ("駅", "ja", 0.5), ("前", "ja", 0.55), ("。", None, 1.0),
    ]  # fmt: skip


def test_ssml() -> None:
    text = (
        '<?xml version="1.0"?>\n<speak version="1.0" xml:lang="en-US"><p><s>A &lt; B</s></p><break strength="weak"/>'
        '<sub alias="World Wide Web">WWW</sub><say-as interpret-as="date" format="dmy">1/2/2024</say-as></speak>'
    )
    found = list(parse(text))
    assert Pause(0.2, text.index("<break")) in found
    assert "".join(s.text for s in spans(text)).split("\n")[2] == "A < B"
    assert [(s.text, s.alias, s.say_as) for s in spans(text) if s.whole] == [
        ("WWW", "World Wide Web", None),
        ("1/2/2024", None, "date:dmy"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "told"),
    [
        ("你好\n世界[pause:abc]。", 2, 3, "'abc' is not a length of time"),
        ("x [pause:1", 1, 3, "not closed"),
        ("[pause:99]", 1, 1, "at most 10 s"),
        ("a <lang xx>b</lang>", 1, 3, "no language 'xx'"),
        ("a\nb <lang ja>c", 2, 3, "never closed"),
        ("a</lang>", 1, 2, "closes nothing"),
        ("<lang ja>a</prosody>", 1, 11, "<lang> is open"),
        ("<say-as roman>XI</say-as>", 1, 1, "'roman' is not a way"),
        ("<say-as digits>1", 1, 1, "close behind it"),
        ("<phoneme>x</phoneme>", 1, 1, "Say how it sounds"),
        ("<break>", 1, 1, "no content"),
        ("行长<a1 b2 c3>", 1, 3, "3 syllables"),
        ("x <lang ja", 1, 3, "not closed with >"),
        ("<prosody pitch='high'>x</prosody>", 1, 1, "only the rate"),
        ("<prosody rate='9'>x</prosody>", 1, 1, "not a rate"),
    ],
)
def test_mistakes_are_pointed_at(text: str, line: int, column: int, told: str) -> None:
    with pytest.raises(TextError) as caught:
        list(parse(text))
    message, shown, caret = str(caught.value).split("\n")
    assert message.startswith(f"Line {line}, column {column}: ") and told in message
    assert text.split("\n")[line - 1].startswith(shown.strip()[:10])
    assert caret.index("^") - 2 == column - 1


def test_a_mistake_far_into_a_long_line() -> None:
    with pytest.raises(TextError, match="Line 1, column 50001: "):
        list(parse("字" * 50_000 + "[pause:x]"))


def test_a_stream_gives_the_same_pieces() -> None:
    text = "银行<yin2 hang2>和\\<tomato<T AH0 M AA1 T OW2> <lang ja>東京</lang>[pause:1]。" * 40

    def merged(pieces: list) -> list:
        out: list = []
        for piece in pieces:
            last = out[-1] if out else None
            joins = isinstance(piece, Span) and isinstance(last, Span) and not (piece.whole or last.whole)
            if joins and piece.language == last.language and last.position + len(last.text) == piece.position:
                out[-1] = Span(last.text + piece.text, last.position, last.language)
            else:
                out.append(piece)
        return out

    assert merged(list(parse(iter(text)))) == merged(list(parse(text)))
