from __future__ import annotations

import numpy as np

from sovits_tts.dsp import limit_peak, plan_batches, restore_order, sola, sola_join, to_int16, with_pauses


def _sound(samples: int) -> np.ndarray:
    time = np.arange(samples) / 32000
    pitch = 150 + 60 * np.sin(2 * np.pi * 1.3 * time)
    return (0.5 * np.sin(2 * np.pi * np.cumsum(pitch) / 32000)).astype(np.float32)


def test_sola_restores_a_cut_sound_whatever_the_misalignment() -> None:
    whole = _sound(20000)
    overlap = 640
    pieces = [whole[:8000], whole[8000 - overlap - 117 : 14000], whole[14000 - overlap - 300 :]]
    np.testing.assert_allclose(sola_join(pieces, overlap), whole, atol=1e-4)


def test_sola_leaves_its_input_alone_and_joins_what_is_too_short() -> None:
    left, right = _sound(3000), _sound(2000)
    before = right.copy()
    sola(left, right, 640)
    assert np.array_equal(right, before)
    done, rest = sola(left[:100], right, 640)
    assert len(done) == 100 and rest is right


def test_int16_clips_and_the_exact_mode_wraps() -> None:
    samples = np.array([0.0, 1.0, -1.0, 1.5, 0.99999, 1e-5 * 3], np.float32)
    assert to_int16(samples).tolist() == [0, 32767, -32768, 32767, 32767, 1]
    assert to_int16(samples[:3], exact=True).tolist() == [0, -32768, -32768]


def test_peaks_and_pauses() -> None:
    loud, quiet = np.array([2.0, -4.0], np.float32), np.array([0.5], np.float32)
    assert limit_peak(quiet) is quiet
    assert with_pauses([loud, quiet], 2).tolist() == [0.5, -1.0, 0, 0, 0.5, 0, 0]


def test_batches_hold_similar_lengths_and_order_comes_back() -> None:
    lengths = [10, 100, 11, 12, 101]
    batches = plan_batches(lengths, 3, threshold=0.75)
    assert batches == [[0, 2, 3], [1, 4]]
    # the median of (5, 5, 100) is far below its mean: the long one waits
    assert plan_batches([5, 100, 5], 3, threshold=0.75) == [[0, 2], [1]]
    assert plan_batches([], 4) == []
    results = [[lengths[index] for index in batch] for batch in batches]
    assert restore_order(batches, results) == lengths
