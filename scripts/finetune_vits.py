#!/usr/bin/env python
"""Train the VITS stage on a prepared data set: the same as `sovits-tts train vits`.

python scripts/finetune_vits.py DATASET --out DIR
"""

import sys

from sovits_tts.app.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", "vits", *sys.argv[1:]]))
