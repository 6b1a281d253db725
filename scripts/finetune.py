#!/usr/bin/env python
"""Recordings into a voice of your own: the same as `sovits-tts finetune`.

python scripts/finetune.py FOLDER --name alice
"""

import sys

from sovits_tts.app.cli import run

if __name__ == "__main__":
    sys.exit(run(["finetune", *sys.argv[1:]]))
