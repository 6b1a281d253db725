"""Pretraining on a toy corpus: every part runs, resumes, and the package loads. Networks are the real classes, tiny."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from sovits_tts.checkpoints import store
from sovits_tts.data.contours import Contours
from sovits_tts.data.corpus import Corpus
from sovits_tts.data.labels import base_label, label_table, read_labels
from sovits_tts.data.pieces import SpeakerSampler, _timed, read_pieces
from sovits_tts.data.tokens import TokenStore
from sovits_tts.errors import CheckpointError, ConfigError, DataError
from sovits_tts.mel import spectrogram
from sovits_tts.specs import SPECS, get_spec
from sovits_tts.training import pretrain as recipe
from sovits_tts.training.ema import Average
from sovits_tts.training.loop import LoopSettings, run
from sovits_tts.training.precision import Precision
from sovits_tts.training.prefetch import prefetch
from sovits_tts.training.pretrain import DecoderRun, GPTRun, PretrainConfig, PriorRun, VITSRun, pretrain
from sovits_tts.training.pretrain_content import ContentRun, load_codebook
from sovits_tts.training.pretrain_teacher import TeacherRun
from sovits_tts.training.schedule import cosine_over_time
from sovits_tts.training.state import load_state, save_state
from sovits_tts.training.teacher_data import edit_distance, frame_path, spread_peaks
from sovits_tts.training.vits_batch import frame_pitch
from sovits_tts.training.vits_data import VITSData
from sovits_tts.training.work import averaged

MINI = get_spec("mini")
TINY = replace(
    MINI,
    name="tiny",
    gpt=replace(MINI.gpt, d_model=32, n_layers=2, n_heads=4, n_tokens=17, follows_text=True),
    vits=replace(
        MINI.vits, d_content=32, codebook_size=16, d_latent=8, d_hidden=16, d_filter=32, n_layers_content=1,
        n_layers_text=1, n_layers_joint=1, d_mrte=16, d_reference=16, d_matching=16, n_layers_flow=2,
        n_layers_posterior=1, d_style_hidden=16, d_style=16, decoder_channels=32, scale_channels=(4, 4, 4, 4, 4, 4),
        period_channels=(2, 2, 2, 2, 2), periods=(2, 3),
    ),
    content=replace(
        MINI.content, d_model=32, n_layers=2, n_heads=2, d_ff=32, conv_dims=(8,) * 7, position_kernel=8,
        position_groups=2, output_layer=1,
    ),
)  # fmt: skip
CONFIG = PretrainConfig(
    spec="tiny",
    teacher=TeacherRun(ctc_steps=2, frame_steps=2, frame_clips=4, seconds_per_batch=12),
    content=ContentRun(steps=2, items=2, seconds=1.0),
    gpt=GPTRun(steps=2, tokens_per_batch=200),
    vits=VITSRun(steps=2, adversarial_from=1, items=2, longest=1.5, slice_frames=8),
    prior=PriorRun(steps=2, items=2, longest=1.5),
    decoder=DecoderRun(steps=2, items=2, longest=1.5, slice_frames=8),
)


def _speechlike(rng: np.random.Generator, seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * 16000)) / 16000
    tone = sum(np.sin(2 * np.pi * 130 * h * t) / h for h in range(1, 9))
    return (0.2 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)) + 0.01 * rng.standard_normal(len(t))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which decode, teacher, content and tokens have run."""
    root = tmp_path_factory.mktemp("pretrain")
    corpus, folder = root / "corpus", root / "work"
    corpus.mkdir()
    rng = np.random.default_rng(0)
    texts = {"en": "The old boat went slowly down the river.", "zh": "今天天气很好，我们去公园。"}
    columns = ["path", "speaker", "language", "text", "seconds", "source_rate", "split", "tier", "gender", "snr_db"]
    columns += ["bandwidth_khz", "licence"]
    with (corpus / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for n in range(10):
            language = ("en", "zh")[n % 2]
            soundfile.write(corpus / f"{n}.wav", _speechlike(rng, 2.5), 16000)
            writer.writerow(
                {
                    "path": f"{n}.wav", "speaker": f"s{n % 3}", "language": language, "text": texts[language],
                    "split": "dev" if n >= 6 else "train", "gender": "male", "bandwidth_khz": "8.0",
                }
            )  # fmt: skip
    SPECS["tiny"] = TINY
    for part in ("decode", "teacher", "content", "tokens"):
        pretrain(part, folder, CONFIG, corpus=corpus)
    yield folder
    del SPECS["tiny"]


def test_labels_and_pieces_agree(work: Path) -> None:
    labels = read_labels(work / "labels.jsonl")
    assert len(labels) == 10
    pieces = read_pieces(work / "pieces.jsonl")
    assert pieces
    for piece in pieces:
        assert len(piece.phonemes) == len(piece.times)
        starts = [start for start, _ in piece.times]
        assert starts == sorted(starts)
    audio = Corpus(work).audio(Corpus(work).clips[0], 24000)
    assert abs(np.abs(audio).max() - 0.2) < 0.5 and len(audio) == 60000


def test_every_part_then_package(work: Path, tmp_path: Path) -> None:
    pretrain("gpt", work, CONFIG)
    pretrain("vits", work, CONFIG)
    tokens = TokenStore(work / "tokens.npz")
    assert len(tokens.with_tail(0)) > len(tokens[0]) > 10
    assert int(tokens[0].max()) < 16
    pretrain("package", work, CONFIG, out=tmp_path / "model")
    checkpoint = store.load(tmp_path / "model")
    assert checkpoint.spec.vits == TINY.vits
    assert 0 <= checkpoint.spec.silence_token < 16
    assert checkpoint.meta["steps"] == {"content": 2, "gpt": 2, "vits": 2}
    assert {"posterior_encoder", "decoder"} <= {
        name.split(".")[1] for name in checkpoint.weights if name[:5] == "vits."
    }


def test_crops_know_their_pitch_and_which_phoneme_each_token_speaks(work: Path) -> None:
    corpus, pieces = Corpus(work), read_pieces(work / "pieces.jsonl")
    contours = Contours(corpus, work, workers=1)
    made = (work / "pitch.f16").stat()
    assert made.st_size == 2 * sum(250 for _ in corpus.clips)
    assert Contours(corpus, work).cut(corpus.clips[0], 0.5, 1.5).shape == (100,)
    assert (work / "pitch.f16").stat().st_mtime_ns == made.st_mtime_ns  # kept
    voiced = contours.cut(corpus.clips[0], 0.5, 1.5)
    assert np.median(voiced[voiced > 0]) == pytest.approx(130, rel=0.02)
    train = [i for i, piece in enumerate(pieces) if piece.split == "train"]
    data = VITSData(corpus, pieces, TokenStore(work / "tokens.npz"), TINY.vits, train, contours, 4, longest=1.5)
    batch = data.batch(0)
    found = frame_pitch(batch.wave[:, 0], TINY.vits)
    both = ((found[:, 1] > 0) & (batch.pitch[:, 1] > 0)).float()
    assert both.mean() > 0.3 and ((found[:, 0] - batch.pitch[:, 0]).abs() * both).sum() / both.sum() < 0.03
    told = 0
    for n in range(8):
        batch = data.batch(n)
        for row, tokens, phonemes in zip(batch.spoken, batch.spec_lengths // 2, batch.phoneme_lengths, strict=True):
            known = row[:tokens]
            assert (row[tokens:] == -1).all()
            if (known >= 0).all():
                told += 1
                assert (known.diff() >= 0).all() and known[-1] < phonemes
            else:
                assert (known == -1).all()
    assert 16 < told < 32


def test_a_batch_is_filled_as_each_recording_alone_would_be(work: Path) -> None:
    """Rows are padded together; their spectrograms are those of their own samples, mirrored at their own ends."""
    corpus, c = Corpus(work), TINY.vits
    pieces, store = read_pieces(work / "pieces.jsonl"), TokenStore(work / "tokens.npz")
    train = [i for i, piece in enumerate(pieces) if piece.split == "train"]
    data = VITSData(corpus, pieces, store, c, train, items=4, longest=1.5)
    plan, batch = data.plan(3), data.batch(3)
    highest = int(8000 / (c.sample_rate / 2) * (c.n_bins - 1))
    assert len({span.count for span in (*plan.wave, *plan.style)}) > 2
    for spans, filled, dull in ((plan.wave, batch.spec, plan.dull), (plan.style, batch.style_spec, [False] * 4)):
        for row, span, cut in zip(filled, spans, dull, strict=True):
            samples = np.zeros(span.count, np.float32)
            samples[: span.there] = corpus.flat(c.sample_rate)[span.first : span.first + span.there] / 32767
            wanted = spectrogram(torch.from_numpy(samples), c.n_fft, c.hop, c.win)[0]
            if cut:
                wanted[highest:] = 0
            assert torch.allclose(row[:, : wanted.shape[1]], wanted, atol=1e-6)
            assert not row[:, wanted.shape[1] :].any()


def test_the_rate_may_fall_over_the_minutes_of_a_call(work: Path, tmp_path: Path) -> None:
    clock = iter([100.0, 100.0, 105.0, 110.0, 200.0])
    rate = cosine_over_time(1.0, 2, 10.0, floor=0.1, now=lambda: next(clock))
    assert [rate(step) for step in (40, 41, 42, 43)] == pytest.approx([0.5, 0.55, 0.1, 0.1])
    own = tmp_path / "own"
    shutil.copytree(work, own)
    timed = replace(CONFIG, gpt=replace(CONFIG.gpt, anneal="time"))
    pretrain("gpt", own, timed, minutes=0.03)
    assert load_state(own / "gpt" / "state.safetensors")["step"] > CONFIG.gpt.steps
    with pytest.raises(ConfigError, match="anneal"):
        pretrain("gpt", own, timed)


def test_batches_planned_by_processes_are_those_of_threads() -> None:
    def squared(step: int) -> np.ndarray:
        return np.array([step * step])

    threads, processes = (list(prefetch(squared, 3, 11, 2, kind)) for kind in (False, True))
    assert [step for step, _ in processes] == list(range(3, 11))
    assert [(step, value.item()) for step, value in threads] == [(step, value.item()) for step, value in processes]


def test_prior_and_decoder_learn_a_latent_that_stays(work: Path, tmp_path: Path) -> None:
    """Only prior and flow move; a waveform stage that moved on needs another pass before it is packaged with them."""
    own, further = tmp_path / "own", tmp_path / "further"
    shutil.copytree(work, own)
    for part in ("gpt", "vits", "prior"):
        pretrain(part, own, CONFIG)
    vits, prior = (load_state(own / name / "state.safetensors")["stage"] for name in ("vits", "prior"))
    before, after = averaged(vits, "generator"), prior["network"]
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name].float(), after[name].float())}
    assert moved - {"quantizer"} == {"prior_encoder", "flow"}  # the codebook is installed
    pretrain("decoder", own, CONFIG)
    spoken = load_state(own / "decoder" / "state.safetensors")["stage"]
    moved = {
        name.split(".")[0] for name in before if not torch.equal(after[name].float(), spoken["generator"][name].float())
    }
    assert "decoder" in moved and moved <= {"decoder", "prior_encoder", "flow"}  # which it has averaged
    pretrain("package", own, CONFIG, out=tmp_path / "model")
    checkpoint = store.load(tmp_path / "model")
    assert checkpoint.meta["steps"]["prior"] == checkpoint.meta["steps"]["decoder"] == 2
    said = averaged(spoken, "generator")["decoder.output_conv.weight"]
    torch.testing.assert_close(
        checkpoint.part("vits")["decoder.output_conv.weight"].float(), said, atol=1e-3, rtol=1e-3
    )
    learnt = averaged(prior, "network")["flow.output_projection.weight"]
    torch.testing.assert_close(
        checkpoint.part("vits")["flow.output_projection.weight"].float(), learnt, atol=1e-3, rtol=1e-3
    )

    shutil.copytree(own, further)
    pretrain("vits", further, replace(CONFIG, vits=replace(CONFIG.vits, steps=3)))
    with pytest.raises(DataError, match="pretrain prior"):
        pretrain("package", further, CONFIG, out=tmp_path / "other")
    pretrain("prior", further, replace(CONFIG, prior=replace(CONFIG.prior, steps=3)))
    with pytest.raises(DataError, match="pretrain decoder"):
        pretrain("package", further, CONFIG, out=tmp_path / "other")
    pretrain("decoder", further, replace(CONFIG, decoder=replace(CONFIG.decoder, steps=3)))
    pretrain("package", further, CONFIG, out=tmp_path / "other")


def test_packaged_tokens_are_the_training_tokens(work: Path, tmp_path: Path) -> None:
    """The shipped encoder, projection and codebook give the tokens the other stages were trained on."""
    from sovits_tts.models.content import ContentEncoder
    from sovits_tts.models.vits import VITS

    for part in ("gpt", "vits"):
        pretrain(part, work, CONFIG)
    pretrain("package", work, CONFIG, out=tmp_path / "model")
    checkpoint = store.load(tmp_path / "model")
    content, vits = ContentEncoder(TINY.content).eval(), VITS(TINY.vits).eval()
    content.load_state_dict(checkpoint.part("content"))
    vits.load_state_dict(checkpoint.part("vits"))
    piece = read_pieces(work / "pieces.jsonl")[0]
    corpus = Corpus(work)
    wave = corpus.audio(corpus.by_id[piece.clip], 16000, piece.start, piece.end)
    padded = np.concatenate((wave, np.zeros(4800, np.float32)))
    with torch.inference_mode():
        tokens = vits.tokenize(content(torch.from_numpy(padded)[None]))[0].numpy()
    stored = TokenStore(work / "tokens.npz").with_tail(0)
    assert np.mean(tokens[: len(stored)] == stored) > 0.9  # fp16 storage may move a frame that lies between two entries


def test_encoder_trained_further_gets_new_tokens_before_packaging(work: Path, tmp_path: Path) -> None:
    for part in ("gpt", "vits"):
        pretrain(part, work, CONFIG)
    further = tmp_path / "work"
    shutil.copytree(work, further)
    pretrain("content", further, replace(CONFIG, content=replace(CONFIG.content, steps=CONFIG.content.steps + 1)))
    with pytest.raises(DataError, match="pretrain tokens"):
        pretrain("package", further, CONFIG, out=tmp_path / "model")
    pretrain("tokens", further, CONFIG)
    old, new = (TokenStore(folder / "tokens.npz") for folder in (work, further))
    assert np.mean([np.mean(old[i] == new[i]) for i in range(len(old))]) > 0.5
    pretrain("vits", further, replace(CONFIG, vits=replace(CONFIG.vits, steps=CONFIG.vits.steps + 1)))
    saved = load_state(further / "vits" / "state.safetensors")["stage"]["generator"]["quantizer.embedding"]
    torch.testing.assert_close(saved.float(), load_codebook(further).entries)
    pretrain("package", further, CONFIG, out=tmp_path / "model")


def test_a_landed_model_stands_in_for_a_work_folder_that_is_gone(work: Path, tmp_path: Path) -> None:
    """Same tokens, same weights, and every stage goes on; only the optimizers are new."""
    for part in ("gpt", "vits"):
        pretrain(part, work, CONFIG)
    pretrain("package", work, CONFIG, out=tmp_path / "model")
    again = tmp_path / "again"
    again.mkdir()
    for name in ("clips.jsonl", "audio_16k.i16", "audio_24k.i16"):
        shutil.copy(work / name, again / name)
    pretrain("restore", again, CONFIG, model=tmp_path / "model")
    assert (again / "labels.jsonl").read_text() == (work / "labels.jsonl").read_text()
    shutil.copy(work / "pieces.jsonl", again / "pieces.jsonl")  # an encoder of two steps aligns in its own way
    (again / "tokens.npz").unlink()
    pretrain("restore", again, CONFIG, model=tmp_path / "model")
    old, new = (TokenStore(folder / "tokens.npz") for folder in (work, again))
    assert np.mean([np.mean(old[i] == new[i]) for i in range(len(old))]) > 0.9  # fp16 moves a frame between two entries
    for part, network in (("gpt", "network"), ("vits", "generator")):
        was, now = (load_state(folder / part / "state.safetensors") for folder in (work, again))
        assert now["step"] == was["step"] == 2
        for name, value in averaged(was["stage"], network).items():
            if "quantizer" not in name and "content_projection" not in name:
                torch.testing.assert_close(now["stage"][network][name].float(), value.float(), atol=1e-3, rtol=1e-3)
    further = replace(CONFIG, gpt=replace(CONFIG.gpt, steps=3), vits=replace(CONFIG.vits, steps=3))
    for part in ("content", "gpt", "vits", "prior", "decoder"):
        pretrain(part, again, further)
    pretrain("package", again, further, out=tmp_path / "next")
    assert store.load(tmp_path / "next").meta["steps"]["vits"] == 3
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "model", other)
    checkpoint = store.load(other)
    bare = replace(checkpoint.spec, content=replace(checkpoint.spec.content, ctc_symbols=0))
    weights = {name: value for name, value in checkpoint.weights.items() if "_head." not in name}
    store.save(other, bare, weights, overwrite=True)
    with pytest.raises(CheckpointError, match="no frame head"):
        pretrain("restore", again, CONFIG, model=other)


def test_unknown_part_and_missing_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Choose one of: decode"):
        pretrain("all", tmp_path, PretrainConfig())
    with pytest.raises(DataError, match="pretrain content"):
        pretrain("package", tmp_path, PretrainConfig(), out=tmp_path)
    for part in ("teacher", "content", "gpt", "vits", "prior", "decoder"):
        with pytest.raises(DataError, match="sovits-tts pretrain"):
            pretrain(part, tmp_path, PretrainConfig())


class _Counter:
    """A stage whose state is a running product of seeded noise: any lost or repeated step shows."""

    name = "counter"

    def __init__(self) -> None:
        self.value = torch.ones(())

    def step(self, batch: int, step: int) -> dict[str, float]:
        assert batch == step
        self.value = self.value * (1 + 0.1 * torch.rand(()))
        return {"value": self.value.item()}

    def state_dict(self) -> dict[str, object]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.value = state["value"]


def test_resumed_run_equals_uninterrupted_run(tmp_path: Path) -> None:
    whole, first, second = _Counter(), _Counter(), _Counter()
    run(whole, lambda step: step, tmp_path / "a", LoopSettings(20))
    assert run(first, lambda step: step, tmp_path / "b", LoopSettings(20, deadline_seconds=-1)) == 1
    assert run(second, lambda step: step, tmp_path / "b", LoopSettings(20)) == 20
    assert torch.equal(whole.value, second.value)


@pytest.mark.parametrize("low", [False, True])
def test_weights_are_installed_in_network_and_average_in_any_precision(low: bool) -> None:
    """In half precision the trained copies are not the network's own parameters."""
    precision = Precision(torch.nn.Linear(3, 2), "cpu", low)
    average, weight = Average(precision, 0.9), torch.full((2, 3), 0.25)
    average.install({"weight": weight})
    assert torch.equal(precision.state_dict()["weight"], weight) and torch.equal(average.weights["weight"], weight)
    assert torch.equal(precision.network.weight.float(), weight) and precision.state_dict()["bias"].any()


def test_state_round_trip(tmp_path: Path) -> None:
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_state(tmp_path / "s.safetensors", {"optimizer": optimizer.state_dict(), "step": 7})
    tree = load_state(tmp_path / "s.safetensors")
    assert tree["step"] == 7
    assert torch.equal(tree["optimizer"]["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


def test_frame_path_finds_the_segments() -> None:
    truth = [0] * 5 + [3] * 7 + [1] * 4 + [0] * 6 + [2] * 8 + [0] * 3
    scores = np.full((len(truth), 4), -6.0, np.float32)
    scores[np.arange(len(truth)), truth] = -0.1
    path, score = frame_path(scores, [3, 1, 2])
    labels = [0 if s % 2 == 0 else [3, 1, 2][s // 2] for s in path]
    assert labels == truth
    assert score > -1


def test_spread_peaks_keeps_pauses_and_fills_the_rest() -> None:
    path = np.array([0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 4, 4, 5, 6])
    energy = np.zeros(14, np.float32)
    energy[7:11] = -9
    energy[0] = -9
    full = spread_peaks(path, energy, floor=-5)
    assert full.tolist() == [0, 1, 1, 1, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5]


def test_punctuation_follows_the_speaker() -> None:
    row = {"starts": [0, 10, 30], "ends": [10, 20, 40]}
    timed = _timed(["HH", "IY1", "AH0"], row)
    assert [symbol for symbol, _, _ in timed] == ["HH", "IY1", ",", "AH0", "."]
    read_over = _timed(["HH", ",", "IY1", "AH0", "?"], row)
    assert [symbol for symbol, _, _ in read_over] == ["HH", "IY1", ",", "AH0", "?"]


def test_labels_never_mix_languages() -> None:
    assert base_label("AA1") == "AA" and base_label("AA") == "0AA"
    assert base_label("ang3") == "ang" and base_label(",") is None
    assert sorted(label_table().values()) == list(range(1, len(label_table()) + 1))


@pytest.mark.parametrize(
    ("a", "b", "expected"), [([], [1, 2], 2), ([1, 2, 3], [1, 3], 1), ([1, 2], [3, 4], 2), ([1], [], 1)]
)
def test_edit_distance(a: list[int], b: list[int], expected: int) -> None:
    assert edit_distance(a, b) == expected


def test_no_source_outweighs_the_cap(work: Path) -> None:
    pieces = [
        replace(p, clip=f"{'big' if n % 4 else 'small'}/{n}", speaker=f"v{n}")
        for n, p in enumerate(read_pieces(work / "pieces.jsonl") * 4)
    ]
    sampler = SpeakerSampler(pieces, cap=0.6)
    big = [pieces[group[0]].clip.startswith("big") for group in sampler.groups]
    assert sampler.weights[big].sum() == pytest.approx(0.6, abs=0.02)
    assert recipe.PARTS[0] == "decode"
