"""Settings that must stand before torch is loaded; why, says sovits_tts/app/__init__.py."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
