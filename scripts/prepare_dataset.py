#!/usr/bin/env python
"""Recordings into a data set to fine-tune on: the same as `sovits-tts prepare`.

python scripts/prepare_dataset.py FOLDER --out DIR
"""

import sys

from sovits_tts.app.cli import run

if __name__ == "__main__":
    sys.exit(run(["prepare", *sys.argv[1:]]))
