"""Fine-tuned voices as packages: saved, spoken with, given away, and safe to receive."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sovits_tts import voices
from sovits_tts.app.cli import run
from sovits_tts.audio import Audio
from sovits_tts.checkpoints import official, store
from sovits_tts.checkpoints.build import load_model, read_model
from sovits_tts.checkpoints.official_export import write_gpt, write_vits
from sovits_tts.checkpoints.tuned import load_tuned, merge, on_the_way, read_stage
from sovits_tts.errors import CheckpointError, VoiceError
from sovits_tts.finetune.choose import Candidate
from sovits_tts.finetune.config import VoiceFacts
from sovits_tts.finetune.package import Made, best_clip, write_package
from sovits_tts.specs import SPECS
from sovits_tts.tts import TTS
from sovits_tts.voicepack import FORMAT, MANIFEST, Base, Manifest, VoicePackage, open_package
from sovits_tts.voicepack_write import new_folder, seal
from tests.official_samples import TINY, tiny_weights
from tests.tiny_model import speech, write_model

TEXT = "Hello there, my friend."


class Stage:
    """A checkpoint as training hands it over."""

    def __init__(self, stage: str, path: Path) -> None:
        self.stage, self.path, self.epoch, self.losses = stage, path, 3, {"loss": 1.0}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def stages(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    """The stages of another model, as if trained from the base."""
    folder = tmp_path_factory.mktemp("tuned")
    other = store.load(write_model(folder / "model", seed=5))
    for name in ("gpt", "vits"):
        save_file({key: value.clone() for key, value in other.part(name).items()}, folder / f"{name}.safetensors")
    return {name: Stage(name, folder / f"{name}.safetensors") for name in ("gpt", "vits")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def made(base: Path, stages: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOVITS_TTS_HOME", str(tmp_path_factory.mktemp("maker")))
        return make_alice(base, stages)


@pytest.fixture
def alice(home: Path, made: Path) -> VoicePackage:
    return open_package(Path(shutil.copytree(made, home / "voices" / "alice")))


def make_alice(base: Path, stages: dict[str, Stage]) -> Path:
    tts = TTS.load(base, device="cpu")
    facts = VoiceFacts(consent="Alice, for tests", licence="CC0", defaults={"speed": 1.5, "top_k": 5})
    made = Made(
        "alice", str(base), facts, tts.voice(speech(4), TEXT, "en", consent=facts.consent, licence=facts.licence),
        {"angry": tts.voice(speech(5, f0=200), TEXT, "en")}, Candidate(stages["gpt"], stages["vits"]),
        {"baseline": {"similarity": 0.5}, "tuned": {"similarity": 0.7}}, "a run",
    )  # fmt: skip
    return write_package(made, tts).path


def out(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    code = run([*argv, "--json"])
    return json.loads(capsys.readouterr().out) | {"exit": code}


def test_merged_stages_replace_the_bases_and_nothing_else(base: Path, stages: dict[str, Stage]) -> None:
    plain, tuned = load_model(base), load_tuned(base, vits=stages["vits"].path)
    other = read_stage(stages["vits"].path)
    own = tuned.vits.state_dict()
    assert all(torch.equal(value, other[name].float()) for name, value in own.items())
    assert all(torch.equal(value, plain.gpt.state_dict()[name]) for name, value in tuned.gpt.state_dict().items())
    assert tuned.fingerprint != plain.fingerprint
    assert load_tuned(base).fingerprint == plain.fingerprint


def test_part_of_the_way_lies_between_the_base_and_the_tuned_stage(base: Path, stages: dict[str, Stage]) -> None:
    checkpoint, tuned = read_model(base), read_stage(stages["vits"].path)
    own, half = checkpoint.part("vits"), on_the_way(checkpoint, "vits", tuned, 0.5)
    assert half.keys() == tuned.keys()
    moved = [name for name, value in tuned.items() if not torch.equal(value.float(), own[name].float())]
    assert moved
    for name in tuned:
        torch.testing.assert_close(half[name].float(), (own[name].float() + tuned[name].float()) / 2)
    merge(checkpoint, {"vits": half})
    for share, end in ((0.0, own), (1.0, tuned)):
        found = on_the_way(checkpoint, "vits", tuned, share)
        assert all(torch.equal(found[name].float(), end[name].float()) for name in tuned)


def test_stages_that_do_not_fit_are_refused(base: Path, stages: dict[str, Stage], tmp_path: Path) -> None:
    checkpoint, gpt = read_model(base), read_stage(stages["gpt"].path)
    first = next(iter(gpt))
    with pytest.raises(CheckpointError, match=f"lacks {first}"):
        merge(checkpoint, {"gpt": {name: value for name, value in gpt.items() if name != first}})
    with pytest.raises(CheckpointError, match="no numbers"):
        merge(checkpoint, {"gpt": gpt | {first: torch.full_like(gpt[first], float("nan"))}})
    with pytest.raises(CheckpointError, match="no stage 'content'"):
        merge(checkpoint, {"content": {}})
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        read_stage(tmp_path / "x.safetensors")


def test_a_voice_brings_its_weights(alice: VoicePackage, base: Path, stages: dict[str, Stage]) -> None:
    assert alice.stages == ["gpt", "vits"] and alice.styles == ["normal", "angry"]
    tts = TTS.load("alice", device="cpu")
    assert tts.model.fingerprint == alice.manifest.fingerprint != TTS.load(base, device="cpu").model.fingerprint
    assert (tts.defaults.speed, tts.defaults.top_k) == (1.5, 5)
    voice = tts.voice("alice")
    assert voice.features is not None and voice.features.fits(tts.model), "made once, when it was saved"
    assert voice.name == "alice" and voice.consent == "Alice, for tests"
    assert tts.voice("alice", style="angry").audio.seconds == pytest.approx(5, abs=0.3)
    with pytest.raises(VoiceError, match="It has normal, angry"):
        tts.voice("alice", style="calm")
    said = tts.synthesize(TEXT)  # in its own voice, at its own speed
    again = tts.synthesize(TEXT, voice, options=tts.defaults)
    assert said.audio.samples.tolist() == again.audio.samples.tolist()


def test_another_model_speaks_it_zero_shot_and_says_so(alice: VoicePackage, base: Path) -> None:
    notes = TTS.load(base, device="cpu").voice("alice").notes
    assert any("without the weights" in note for note in notes)


def test_the_base_must_be_the_one_it_was_made_from(alice: VoicePackage, base: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", seed=9)
    with pytest.raises(VoiceError, match="was fine-tuned from tiny with the fingerprint"):
        TTS.load("alice", base=other)
    copy = write_model(tmp_path / "copy")
    assert TTS.load("alice", base=copy, device="cpu").model.fingerprint == alice.manifest.fingerprint
    lost = voices.import_voice(voices.export_voice("alice", tmp_path / "a.voice"), "bob")
    with pytest.raises(VoiceError, match=r"needs the model tiny, which is not here.*--model"):
        TTS.load(lost.path)
    assert open_package(lost.path).manifest.base.source == (), "no path of this machine leaves it"


def test_say_with_a_fine_tuned_voice(alice: VoicePackage, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = out(capsys, "say", TEXT, "-v", "alice", "-o", "a.wav")
    assert (plain["exit"], plain["voice"]) == (0, "alice")
    slow = out(capsys, "say", TEXT, "-v", "alice", "--speed", "1.0", "-o", "b.wav")
    assert slow["seconds"] > 1.2 * plain["seconds"], "its own speed is 1.5, unless the command line says otherwise"
    assert out(capsys, "say", "Hi.", "-v", "alice", "--style", "angry", "-o", "c.wav")["voice"] == "alice, angry"
    wrong = out(capsys, "say", TEXT, "-v", "alice", "--style", "calm", "-o", "d.wav")
    assert wrong["exit"] == 2 and "normal, angry" in wrong["error"]["hint"]
    assert out(capsys, "say", TEXT, "-v", "alice", "-m", str(base), "-o", "e.wav")["exit"] == 0
    assert Path("e.wav").read_bytes() == Path("a.wav").read_bytes()


def test_convert_with_a_fine_tuned_voice(
    alice: VoicePackage, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = speech(3.0, f0=90, seed=3).save(tmp_path / "clip.wav")
    source = Audio.load(clip)
    tuned = out(capsys, "convert", str(clip), "-v", "alice", "--text", TEXT, "-o", "a.wav")
    assert (tuned["exit"], tuned["voice"]) == (0, "alice")
    assert not any("without the weights" in note for note in tuned["notes"])
    tts = TTS.load("alice", device="cpu")
    tts.convert(source, tts.voice("alice"), TEXT).save("with.wav")
    plain = TTS.load(base, device="cpu")
    plain.convert(source, plain.voice("alice"), TEXT).save("without.wav")
    assert Path("a.wav").read_bytes() == Path("with.wav").read_bytes() != Path("without.wav").read_bytes()
    styled = out(capsys, "convert", str(clip), "-v", "alice", "--style", "angry", "--text", TEXT, "-o", "b.wav")
    assert (styled["exit"], styled["voice"]) == (0, "alice, angry")


def test_voices_list_show_export_import_remove(alice: VoicePackage, capsys: pytest.CaptureFixture[str]) -> None:
    listed = {voice["name"]: voice for voice in out(capsys, "voices", "list")["voices"]}
    assert listed["alice"]["fine_tuned"] and not listed["alice"]["bundled"]
    shown = out(capsys, "voices", "show", "alice")
    assert shown["styles"] == ["normal", "angry"] and shown["stages"] == ["gpt", "vits"] and shown["base"] == "tiny"
    assert shown["metrics"]["tuned"] == {"similarity": 0.7} and shown["consent"] == "Alice, for tests"
    assert run(["voices", "show", "alice"]) == 0
    assert "tuned: similarity 0.7" in capsys.readouterr().out
    exported = out(capsys, "voices", "export", "alice", "gift.voice")
    assert exported["exit"] == 0 and exported["bytes"] == Path("gift.voice").stat().st_size
    assert out(capsys, "voices", "export", "alice", "gift.voice")["exit"] == 2, "nothing is overwritten"
    assert out(capsys, "voices", "import", "gift.voice")["exit"] == 2
    assert out(capsys, "voices", "import", "gift.voice", "--name", "mini")["exit"] == 2, "that is a model"
    assert out(capsys, "voices", "import", "gift.voice", "--name", "eve")["fine_tuned"]
    assert voices.get("eve", "angry").audio.seconds == pytest.approx(5, abs=0.3)
    assert run(["voices", "remove", "eve"]) == 0
    assert "eve" not in [entry.name for entry in voices.entries()]
    assert sorted(path.name for path in voices.folder().iterdir()) == ["alice"]


def test_an_archive_speaks_without_being_imported(alice: VoicePackage, base: Path, tmp_path: Path) -> None:
    path = voices.export_voice("alice", tmp_path / "gift.voice")
    first = path.read_bytes()
    assert voices.export_voice("alice", path, overwrite=True).read_bytes() == first, "the same each time"
    tts = TTS.load(path, base=base, device="cpu")
    assert tts.model.fingerprint == alice.manifest.fingerprint
    assert tts.voice(path).features.fits(tts.model)  # type: ignore[union-attr]


def test_plain_and_fine_tuned_voices_share_their_names(alice: VoicePackage, base: Path, tmp_path: Path) -> None:
    plain = TTS.load(base, device="cpu").voice(speech(4))
    with pytest.raises(VoiceError, match="exists"):
        voices.add(plain, "alice")
    gift = voices.export_voice("alice", tmp_path / "gift.voice")
    voices.add(plain, "alice", overwrite=True)
    assert not voices.find("alice").tuned and not alice.path.exists()
    voices.import_voice(gift, overwrite=True)
    assert voices.find("alice").tuned and not (voices.folder() / "alice.voice").exists()
    voices.rename("alice", "anna")
    assert [entry.name for entry in voices.entries() if not entry.bundled] == ["anna"]
    assert open_package(voices.find("anna").path).weights().keys() == {"gpt", "vits"}
    plain_file = plain.save(tmp_path / "plain.voice")
    assert not voices.import_voice(plain_file, "carl").tuned


# --- what others send ----------------------------------------------------------------------------------------------


def repack(source: Path, target: Path, change: dict[str, bytes | None], *, extra: list[tuple[str, bytes]] = []) -> Path:  # noqa: B006
    """The archive with members replaced, left out (None) or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change.get(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in extra:
            new.writestr(name, data)
    return target


@pytest.mark.parametrize(
    "name",
    ["../evil.voice", "/etc/evil", "styles/../../evil.voice", "styles/a/b.voice", "C:\\evil", "evil.py", "x.pkl"],
)
def test_names_that_lead_out_or_do_not_belong_are_refused(alice: VoicePackage, tmp_path: Path, name: str) -> None:
    good = voices.export_voice("alice", tmp_path / "good.voice")
    bad = repack(good, tmp_path / "bad.voice", {}, extra=[(name, b"x")])
    with pytest.raises(VoiceError, match="which no voice has"):
        voices.import_voice(bad, "bad")
    assert sorted(path.name for path in voices.folder().iterdir()) == ["alice"]


def test_damaged_and_hostile_archives_are_refused(alice: VoicePackage, tmp_path: Path) -> None:
    good = voices.export_voice("alice", tmp_path / "good.voice")
    with zipfile.ZipFile(good) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        voice = archive.read("voice.voice")

    def bad(change: dict[str, bytes | None], **more: Any) -> Path:
        return repack(good, tmp_path / "bad.voice", change, **more)

    def with_manifest(**values: Any) -> dict[str, bytes | None]:
        return {MANIFEST: json.dumps(manifest | values).encode()}

    larger = manifest["files"] | {"gpt.safetensors": {"bytes": 2 << 30, "sha256": "0"}}
    cases: list[tuple[dict[str, bytes | None], str]] = [
        ({"voice.voice": voice[:-1] + b"x"}, "voice.voice in .* is damaged"),
        ({"voice.voice": None}, "cannot be read"),
        ({MANIFEST: None}, "holds no package.json"),
        ({MANIFEST: b"{"}, "is damaged"),
        (with_manifest(format=99), "has format 99"),
        (with_manifest(surprise=1), "surprise is unknown"),
        (with_manifest(files=larger), "claims 2147483648 bytes"),
        (with_manifest(files={}), "lacks voice.voice|does not list"),
        (with_manifest(name="../../up"), "cannot be the name"),
    ]
    for change, message in cases:
        with pytest.raises(VoiceError, match=message):
            voices.import_voice(bad(change), overwrite=True)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = bad({}, extra=[("voice.voice", voice)])
    with pytest.raises(VoiceError, match="twice"):
        voices.import_voice(twice)
    (tmp_path / "cut.voice").write_bytes(good.read_bytes()[:-30])
    with pytest.raises(VoiceError):
        voices.import_voice(tmp_path / "cut.voice")
    assert sorted(path.name for path in voices.folder().iterdir()) == ["alice"], "nothing half is left behind"


def test_a_bomb_is_refused_before_it_is_unpacked(alice: VoicePackage, tmp_path: Path) -> None:
    good = voices.export_voice("alice", tmp_path / "good.voice")
    bomb = tmp_path / "bomb.voice"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) if name != "metrics.json" else b" " * (5 << 20))
    assert bomb.stat().st_size < good.stat().st_size + 100_000
    with pytest.raises(VoiceError, match="claims 5242880 bytes"):
        voices.import_voice(bomb, "bomb")


def test_a_link_in_an_archive_becomes_a_plain_file(alice: VoicePackage, tmp_path: Path) -> None:
    good = voices.export_voice("alice", tmp_path / "good.voice")
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(tmp_path / "link.voice", "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            new.writestr(info, old.read(name))
    entry = voices.import_voice(tmp_path / "link.voice", "link")
    assert not any(path.is_symlink() for path in entry.path.rglob("*"))


def test_a_package_with_impossible_defaults_is_an_error(alice: VoicePackage, base: Path) -> None:
    path = alice.path / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"defaults": {"speed": 99}}))
    with pytest.raises(VoiceError, match="defaults that cannot be"):
        TTS.load("alice")


# --- export ----------------------------------------------------------------------------------------------------------


def test_a_voice_of_another_shape_than_the_official_ones_says_so(
    alice: VoicePackage, capsys: pytest.CaptureFixture[str]
) -> None:
    found = out(capsys, "models", "export", "alice", "exported")
    assert found["exit"] == 2 and "no version with the sizes" in found["error"]["message"]


@pytest.mark.parametrize("version", ["v2", "v2ProPlus"])
def test_a_voice_made_from_an_official_model_becomes_official_files(
    version: str, home: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Official files as the base, a trained VITS stage in the voice: the exported pair has the GPT stage of the base
    and the VITS stage of the voice, under official names."""
    monkeypatch.setitem(SPECS, version, TINY[version])  # official versions at tiny sizes: rows are data
    weights = tiny_weights(TINY[version])
    base = tmp_path / "official"
    base.mkdir()
    write_gpt(base / "a.ckpt", TINY[version].gpt, store.part(weights, "gpt"), {}, "GPT-e15")
    write_vits(base / "a.pth", version, TINY[version].vits, store.part(weights, "vits"), {}, "8epoch_200iteration")
    trained = {name: value + 0.5 for name, value in store.part(weights, "vits").items() if "posterior" not in name}
    read = read_model(base)
    with new_folder(voices.folder() / "vera") as folder:
        shutil.copy(made / "voice.voice", folder / "voice.voice")
        save_file({name: value.half() for name, value in trained.items()}, folder / "vits.safetensors")
        known = Base(read.spec.name, read.fingerprint, (str(base),))
        seal(folder, Manifest(FORMAT, "vera", known, merge(read, {"vits": trained}).fingerprint))
    found = out(capsys, "models", "export", "vera", "exported")
    assert found["exit"] == 0 and Path(found["gpt"]).name == "vera.ckpt"
    gpt, vits = official.read(found["gpt"]), official.read(found["vits"])
    assert vits.version == version
    assert all(torch.equal(value.float(), weights[f"gpt.{name}"]) for name, value in gpt.weights.items())
    assert all(torch.equal(value.half(), trained[name].half()) for name, value in vits.weights.items())


def test_the_clip_of_a_voice_is_a_good_one() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "short", "seconds": 2.0, "verdict": "keep", "confidence": 1.0, "stranger": 0.0},
        {"id": "doubtful", "seconds": 6.0, "verdict": "keep", "confidence": 0.6, "stranger": 0.5},
        {"id": "good", "seconds": 6.5, "verdict": "keep", "confidence": 0.9, "stranger": 0.5},
        {"id": "warned", "seconds": 6.0, "verdict": "warn", "confidence": 1.0, "stranger": 0.0},
        {"id": "long", "seconds": 14.0, "verdict": "keep", "confidence": 1.0, "stranger": 0.0},
    ]
    assert best_clip(rows)["id"] == "good"
    assert best_clip([rows[0], rows[4]])["id"] == "long"
