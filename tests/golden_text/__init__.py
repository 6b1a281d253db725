"""How often our phonemes are those recorded from GPT-SoVITS, and why not where they differ.

    python -m tests.golden_text DIR [--json]

DIR is laid out like the recorded set: `<name>.jsonl` files whose rows have `text`, `lang` and `phones` (one language),
`mode` and `segments` (mixed text), or `method` and `segments` (cutting).

What is compared. A row of one language is read as upstream's text cleaner reads it: the whole line by that language's
plug-in, with upstream's comma before very short English and its full stop after Korean. A mixed row is read by the
frontend in its mode with `exact=True`. There is no mode that repeats upstream's readings: most differences are errors
of its number rules, which we would have to rebuild only to measure them. Instead every differing line has a verdict:

better  upstream is wrong here; the reading is spelled out in `judgements.tsv`, or the rule that fired names it
equal   both are acceptable
worse   everything else, so also whatever nobody has looked at

A judgement holds only while our phonemes are those of the reading it spells out.
"""
