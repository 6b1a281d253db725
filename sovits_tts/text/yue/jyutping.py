"""Jyutping syllable -> the two symbols that the official v2 table has for it."""

from __future__ import annotations

import re
from functools import cache

from sovits_tts.errors import TextError
from sovits_tts.text.symbols import symbol_ids

_SYLLABLE = re.compile(r"([a-z]+)([1-6])")


@cache
def initial_final(jyutping: str) -> tuple[str, str]:
    """("Yh", "Yong4") of "hong4". Raises TextError when it is no syllable that the table can express.

    A syllable is cut after the longest beginning that the table knows. A syllable that is a beginning as a whole
    repeats its last letter: m4 is Ym Ym4, ng5 is Yng Yg5, aa3 is Yaa Ya3. Some syllables without a consonant cannot be
    cut so (ung3); they are spoken with ng before them, as many speakers do.
    """
    match = _SYLLABLE.fullmatch(jyutping)
    if match:
        letters, tone = match.groups()
        known = symbol_ids("v2")
        for spelled in (letters, "ng" + letters):
            for size in range(len(spelled), 0, -1):
                if spelled[size - 1 : size + 1] == "aa":
                    continue
                initial = "Y" + spelled[:size]
                final = f"Y{spelled[size:] or spelled[-1]}{tone}"
                if initial in known and final in known:
                    return initial, final
    raise TextError(
        f"{jyutping!r} is not a Cantonese syllable.", hint="Write jyutping with a tone of 1 to 6, such as hong4."
    )
