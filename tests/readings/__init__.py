"""Sentences and how they should be read; `python -m tests.readings [--json]` lists what we read otherwise.

Files are named by language. A row is a text and its acceptable readings, with a tab between and `|` between readings:

zh, en, ja, ko, yue   plain words; both are turned into phonemes, and compared without punctuation, pauses and pitch,
                      and without the words that are read in another language (`mixed` has those)
mixed                 plain words, each language marked: [zh]我买了三台[en]iPhone
zh_polyphones         the characters in question between asterisks; their pinyin before the tone rules, in order
en_heteronyms         the word in question between asterisks; its ARPAbet
"""
