"""The one path from text and a voice to sound. The command line, the server, the page and the evaluation all take it.

A `TTS` does not change after loading, so threads may share it; what a call needs lives in `synthesis.Call`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from sovits_tts import voices
from sovits_tts.assets import EMBEDDED
from sovits_tts.audio import Audio, join
from sovits_tts.checkpoints.build import LoadedModel, Source, build_model, load_model
from sovits_tts.conversion import convert
from sovits_tts.device import Runtime, choose
from sovits_tts.errors import ConfigError, VoiceError
from sovits_tts.features import leveled, timed_tokens
from sovits_tts.options import SynthesisOptions
from sovits_tts.specs import ModelSpec
from sovits_tts.synthesis import Call, Chunk
from sovits_tts.text.frontend import Sentence, read, sentences
from sovits_tts.voice import Voice
from sovits_tts.voice_making import adopt, further, make_voice
from sovits_tts.voicepack import VoicePackage

__all__ = ["TTS", "Chunk", "Result", "SynthesisOptions"]


@dataclass(frozen=True, eq=False)
class Result:
    """A spoken text. notes: how the voice was made, and other things worth saying."""

    audio: Audio
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[str, ...]:
        """Sentences that the guards still find something wrong with."""
        return tuple(chunk.text for chunk in self.chunks if chunk.failed)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> Path:
        """Write the sound; see `Audio.save`."""
        return self.audio.save(path, overwrite=overwrite)


class TTS:
    """A loaded model on a device. Make one with `load`."""

    def __init__(self, model: LoadedModel, runtime: Runtime, package: VoicePackage | None = None) -> None:
        self.model = _placed(model, runtime)
        self.runtime = runtime
        self.package = package
        self.defaults = _defaults(package)

    @classmethod
    def load(
        cls, source: Source = EMBEDDED, *, device: str = "auto", precision: str = "auto", base: Source | None = None
    ) -> TTS:
        """Load a model, or a fine-tuned voice with the model it was made from.

        source:    "mini", an official version, a model folder, an official file, or a pair of them; or the name,
                   folder or archive of a fine-tuned voice, which then is the voice and sets the options by default
        base:      where a fine-tuned voice's base model lies; by default where the voice says
        device:    "auto", "cpu", "cuda", "cuda:1", "mps"; precision: "auto", "fp32", "fp16", "bf16"
        Raises ConfigError for what is not there, CheckpointError for what cannot be used.
        """
        package = voices.package_of(source)
        if package is not None:
            return cls(build_model(package.checkpoint(base)), choose(device, precision), package)
        return cls(load_model(source), choose(device, precision))

    @property
    def spec(self) -> ModelSpec:
        return self.model.spec

    @property
    def sample_rate(self) -> int:
        return self.spec.vits.sample_rate

    def voice(
        self,
        source: str | os.PathLike[str] | bytes | BinaryIO | Audio | Voice,
        text: str | None = None,
        language: str | None = None,
        *,
        style: str = "",
        name: str = "",
        consent: str = "",
        licence: str = "",
        more: Iterable[str | os.PathLike[str] | bytes | BinaryIO | Audio] = (),
    ) -> Voice:
        """A voice from a recording of any length and format, a `.voice` file, or the name of a saved or bundled voice.

        text:     what the recording says; without it the model speaks without a prompt, a little less like the voice
        language: of `text`
        style:    of a fine-tuned voice, as calm or angry; its usual one by default
        more:     further recordings of the same speaker, at most 60 s are kept: the voice sounds like all of them
        Raises ReferenceAudioError, AudioError, TextError or VoiceError, each saying what to do.
        """
        others = [each if isinstance(each, Audio) else Audio.load(each) for each in more]
        known = self._known_voice(source, style)
        if known is None:
            if style:
                raise VoiceError("A recording has no styles.", hint="Only fine-tuned voices have; leave style out.")
            audio = source if isinstance(source, Audio) else Audio.load(source)  # type: ignore[arg-type]
            return make_voice(
                self.model, audio, text or "", language or "auto",
                name=name, consent=consent, licence=licence, more=others,
            )  # fmt: skip
        if text is not None:
            known = replace(known, text=" ".join(text.split()), language=language or known.language, features=None)
        if others:
            known = replace(known, more=further(others))
        return adopt(self.model, known)

    def stream(
        self,
        text: str | Iterable[str],
        voice: Voice | None = None,
        language: str | None = None,
        options: SynthesisOptions | None = None,
    ) -> Iterator[Chunk]:
        """Speak a text, or a stream of parts of one, sentence by sentence.

        voice:    the bundled one of the text's language by default
        language: of the text; that of `options` by default
        Raises TextError, ConfigError or VoiceError before the first chunk where it can.
        """
        options = options or self.defaults
        if language is not None:
            options = replace(options, language=language)
        todo = sentences(
            text, options.language, self.spec.symbols, options.cut, options.lexicon,
            exact=options.exact, polyphones=options.polyphones,
        )  # fmt: skip
        first = next(todo, None)
        if first is None:
            return iter(())
        voice = voice or (self.package.voice() if self.package else voices.bundled_for(_language(first)))
        call = Call(self.model, adopt(self.model, voice, exact=options.exact), options)
        return call.chunks(chain([first], todo))

    def synthesize(
        self,
        text: str | Iterable[str],
        voice: Voice | None = None,
        language: str | None = None,
        options: SynthesisOptions | None = None,
    ) -> Result:
        """Speak a text as a whole; arguments as for `stream`, whose chunks it joins."""
        chunks = tuple(self.stream(text, voice, language, options))
        audio = join([Audio(chunk.samples, chunk.sample_rate) for chunk in chunks])
        return Result(audio, chunks, voice.notes if voice else ())

    def convert(
        self,
        recording: str | os.PathLike[str] | bytes | BinaryIO | Audio,
        voice: Voice,
        text: str = "",
        language: str = "auto",
        options: SynthesisOptions | None = None,
    ) -> Result:
        """Voice conversion: the recording's words, timing and melody in another voice.

        text: what the recording says; "": phonemes come from a CTC head
        Raises AudioError for a recording that cannot be read or has no speech, VoiceError where a text is needed.
        """
        chunks = tuple(self.convert_stream(recording, voice, text, language, options))
        return Result(join([Audio(chunk.samples, chunk.sample_rate) for chunk in chunks]), chunks, voice.notes)

    def convert_stream(
        self,
        recording: str | os.PathLike[str] | bytes | BinaryIO | Audio,
        voice: Voice,
        text: str = "",
        language: str = "auto",
        options: SynthesisOptions | None = None,
    ) -> Iterator[Chunk]:
        """`convert`, piece by piece."""
        audio = recording if isinstance(recording, Audio) else Audio.load(recording)
        call = Call(self.model, adopt(self.model, voice), options or SynthesisOptions())
        return convert(call, audio, text, language)

    def _known_voice(self, source: Any, style: str) -> Voice | None:
        """A voice that exists: given, in a .voice file, fine-tuned, or known by name. None: `source` is a recording."""
        if isinstance(source, Voice):
            return source
        if not isinstance(source, str | os.PathLike):
            return None
        package = voices.package_of(source)
        if package is None:
            if Path(source).suffix == ".voice":
                return Voice.load(source)
            return voices.get(str(source), style) if _saved_name(source) else None
        known = package.voice(style)
        if package.stages and package.manifest.fingerprint != self.model.fingerprint:
            note = "Speaking without the weights that were fine-tuned for it; TTS.load of its name brings them."
            known = replace(known, notes=(*known.notes, note))
        return known

    def copy(self, audio: Audio, text: str, voice: Voice | None = None, language: str = "auto", seed: int = 0) -> Audio:
        """Copy-synthesis: the tokens of a recording through the VITS stage, in `voice` or else in its own.

        text: what the recording says. The upper bound of what the model can say.
        """
        call = Call(self.model, adopt(self.model, voice or Voice(audio)), SynthesisOptions(seed=seed))
        sentence = read(text, language, self.spec.symbols)
        tokens, spoken = timed_tokens(self.model, leveled(audio, self.spec), sentence.ids)
        noise, speed = call.generator(0, 0, 1), sentence.rate
        return Audio(call.sound(tokens.tolist(), sentence.ids, speed, noise, sentence.text, spoken), self.sample_rate)


def _saved_name(source: Any) -> bool:
    """Whether this is a name to look up among the voices, and no path."""
    path = Path(source)
    return isinstance(source, str) and not path.exists() and not path.suffix and len(path.parts) == 1


def _language(sentence: Sentence) -> str:
    """Of most of its phonemes."""
    return max(sentence.runs, key=lambda run: len(run.phonemes)).language if sentence.runs else ""


def _defaults(package: VoicePackage | None) -> SynthesisOptions:
    """Raises VoiceError for a package with options that do not exist."""
    try:
        return SynthesisOptions(**(package.manifest.defaults if package else {}))  # type: ignore[arg-type]
    except (TypeError, ConfigError) as error:
        assert package is not None
        raise VoiceError(f"The voice {package.manifest.name} has defaults that cannot be: {error}") from error


def _placed(model: LoadedModel, runtime: Runtime) -> LoadedModel:
    """Every network on its device, in its precision, ready for inference."""
    model.content_encoder.to(runtime.device, runtime.content)
    model.gpt.to(runtime.device, runtime.gpt)
    model.vits.for_inference().to(runtime.device)
    for name, part in model.vits.named_children():
        # Tokens come from the nearest codebook entry, which half precision would move.
        if name not in ("content_projection", "quantizer"):
            part.to(runtime.vits)
    if model.bert is not None:
        model.bert.to(runtime.device, runtime.bert)
    if model.speaker is not None:
        model.speaker.to(runtime.device, runtime.content)
    for network in (model.content_encoder, model.gpt, model.vits, model.bert, model.speaker):
        if network is not None:
            network.eval().requires_grad_(False)
    return model
