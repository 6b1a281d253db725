"""The web page: `python webui.py` is `sovits-tts webui`."""

import sys

from sovits_tts.app.cli import run

if __name__ == "__main__":
    sys.exit(run(["webui", *sys.argv[1:]]))
