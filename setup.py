"""The wheel carries the embedded model and the sample voices: `pretrained/` becomes `sovits_tts/pretrained/`.

Only what is named below is packed; weights downloaded into `pretrained/` stay out. All else is in pyproject.toml.
"""

from setuptools import find_packages, setup

CARRIED = ["css", "gz", "html", "js", "json", "npz", "safetensors", "svg", "tsv", "txt", "yaml"]

setup(
    packages=[*find_packages(include=["sovits_tts*"]), "sovits_tts.pretrained"],
    package_dir={"sovits_tts.pretrained": "pretrained"},
    package_data={
        "sovits_tts": ["py.typed", *[f"**/*.{suffix}" for suffix in CARRIED]],
        "sovits_tts.pretrained": ["mini/**", "voices/**"],
    },
    include_package_data=False,
)
