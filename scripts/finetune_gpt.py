#!/usr/bin/env python
"""Train the GPT stage on a prepared data set: the same as `sovits-tts train gpt`.

python scripts/finetune_gpt.py DATASET --out DIR
"""

import sys

from sovits_tts.app.cli import run

if __name__ == "__main__":
    sys.exit(run(["train", "gpt", *sys.argv[1:]]))
