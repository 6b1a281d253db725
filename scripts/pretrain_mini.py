#!/usr/bin/env python
"""Train the embedded model from scratch, part by part: the same as `sovits-tts pretrain`.

python scripts/pretrain_mini.py decode --corpus CORPUS --work WORK
"""

import sys

from sovits_tts.app.cli import run

if __name__ == "__main__":
    sys.exit(run(["pretrain", *sys.argv[1:]]))
