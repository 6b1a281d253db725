"""The pitch contour of speech: YIN (de Cheveigné and Kawahara 2002, steps 1 to 5), then octave jumps are dropped."""

from __future__ import annotations

import numpy as np

from sovits_tts.audio import Audio

FRAME_RATE = 100  # values per second
LOWEST, HIGHEST = 60.0, 500.0  # Hz
_RATE = 16_000  # analysis rate
_WINDOW = 640  # samples compared with their shifted copies: 40 ms
_VOICED = 0.4  # a frame is voiced when its normalised difference at the period is below this
_BLOCK = 2000  # frames worked on at once, to bound memory


def pitch(audio: Audio) -> np.ndarray:
    """F0 in Hz, (ceil(100 x seconds),) float32, one value per 10 ms, 0 where nothing is voiced."""
    samples = audio.resample(_RATE).samples
    hop = _RATE // FRAME_RATE
    n_frames = -(-len(samples) // hop)
    longest = int(_RATE / LOWEST)
    span = _WINDOW + longest
    padded = np.pad(samples, (span // 2, span))
    views = np.lib.stride_tricks.sliding_window_view(padded, span)[::hop][:n_frames]
    quiet = 1e-4 * max(audio.peak, 1e-9)
    contour = np.zeros(n_frames, dtype=np.float32)
    for start in range(0, n_frames, _BLOCK):
        frames = views[start : start + _BLOCK].astype(np.float32)
        contour[start : start + _BLOCK] = _yin(frames, quiet)
    return _without_octave_jumps(contour)


def _yin(frames: np.ndarray, quiet: float) -> np.ndarray:
    """(F, window + longest) samples -> (F,) Hz or 0."""
    difference = _normalised_difference(frames)  # (F, longest + 1)
    shortest = int(_RATE / HIGHEST)
    inner = difference[:, shortest:-1]
    dip = (inner < difference[:, shortest - 1 : -2]) & (inner <= difference[:, shortest + 1 :])
    # Of all dips take the first that is nearly as deep as the deepest: later ones are multiples of the period.
    depth = np.where(dip, inner, np.inf)
    deepest = depth.min(axis=1, keepdims=True, initial=np.inf)
    lag = np.argmax(depth <= np.minimum(deepest + 0.05, _VOICED), axis=1) + shortest
    rows = np.arange(len(frames))
    before, at, after = (difference[rows, lag + d] for d in (-1, 0, 1))
    curve = before - 2 * at + after
    offset = np.where(curve > 1e-9, 0.5 * (before - after) / np.where(curve > 1e-9, curve, 1), 0)
    loud = np.sqrt((frames**2).mean(axis=1)) > quiet
    voiced = (deepest[:, 0] < _VOICED) & loud
    return np.where(voiced, _RATE / (lag + np.clip(offset, -1, 1)), 0).astype(np.float32)


def _normalised_difference(frames: np.ndarray) -> np.ndarray:
    """Cumulative-mean-normalised squared difference for lags 0 to longest: (F, longest + 1)."""
    longest = frames.shape[1] - _WINDOW
    size = 2048
    spectrum = np.fft.rfft(frames, size)
    product = spectrum * np.conj(np.fft.rfft(frames[:, :_WINDOW], size))
    correlation = np.fft.irfft(product, size)[:, : longest + 1]
    energy = np.cumsum(np.pad(frames.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    shifted = energy[:, _WINDOW : _WINDOW + longest + 1] - energy[:, : longest + 1]
    difference = np.maximum(shifted[:, :1] + shifted - 2 * correlation, 0)
    total = np.cumsum(difference[:, 1:], axis=1)
    lags = np.arange(1, longest + 1)
    normalised = np.ones_like(difference)
    normalised[:, 1:] = difference[:, 1:] * lags / np.maximum(total, 1e-12)
    return normalised


def _without_octave_jumps(contour: np.ndarray) -> np.ndarray:
    """Frames an octave or more from the median of their half second become unvoiced; so do runs under 30 ms."""
    voiced = np.flatnonzero(contour)
    if not len(voiced):
        return contour
    clean = contour.copy()
    values = np.log2(contour[voiced])
    reach = FRAME_RATE // 4
    first = np.searchsorted(voiced, voiced - reach)
    last = np.searchsorted(voiced, voiced + reach, side="right")
    local = np.array([np.median(values[a:b]) for a, b in zip(first, last, strict=True)])
    clean[voiced[np.abs(values - local) > 0.8]] = 0
    edges = np.flatnonzero(np.diff(np.pad((clean > 0).astype(np.int8), 1)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start < 3:
            clean[start:end] = 0
    return clean
