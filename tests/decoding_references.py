"""Decoding on plain lists, with the whole model each time: references for `models.decoding`."""

import numpy as np
import tensorflow as tf
from keras import ops

B, S, V, L = 5, 7, 31, 11
END, PAD = 0, V - 1
LENGTHS = np.array([7, 4, 1, 6, 3])


def make_sources():
    """Token ids and padding mask of a padded batch."""
    padding_mask = np.arange(S) < LENGTHS[:, None]
    token_ids = np.random.default_rng(7).integers(1, PAD, (B, S))
    return np.where(padding_mask, token_ids, PAD).astype("int32"), padding_mask


def inputs_of(sources):
    """Token ids and padding mask by the names that a translator is called with."""
    return dict(zip(("encoder_token_ids", "encoder_padding_mask"), sources, strict=True))


def without_cache(model):
    """Log-probabilities (B, T, V) after every beginning of targets (B, T), by the whole model."""
    ids = tf.TensorSpec((None, None), "int32")

    @tf.function(input_signature=[ids, tf.TensorSpec((None, None), "bool"), ids])
    def log_probabilities(token_ids, padding_mask, targets):
        inputs = {
            "encoder_token_ids": token_ids,
            "encoder_padding_mask": padding_mask,
            "decoder_token_ids": targets,
        }
        return tf.nn.log_softmax(tf.where(tf.range(V) == PAD, -np.inf, model(inputs)))

    return lambda *inputs: log_probabilities(*inputs).numpy()


def numpy(translations):
    return [ops.convert_to_numpy(values) for values in translations]


def assert_same(translations, expected, atol=1e-5):
    (tokens, scores), (expected_tokens, expected_scores) = numpy(translations), numpy(expected)
    np.testing.assert_array_equal(tokens, expected_tokens)
    np.testing.assert_allclose(scores, expected_scores, rtol=0, atol=atol)


def greedy_without_cache(whole, sources, max_length):
    targets = np.full((len(sources[0]), 1), PAD, "int32")
    is_over = np.zeros(len(targets), bool)
    for _ in range(max_length):
        newest = np.where(is_over, PAD, whole(*sources, targets)[:, -1].argmax(axis=-1))
        targets = np.concatenate([targets, newest[:, None].astype("int32")], axis=1)
        is_over |= newest == END
    return targets[:, None, 1:]  # (B, 1, L)


def beam_search_without_cache(whole, source, num_beams, length_penalty, early_stopping):
    """Beam search for one source, on lists: the best translations as pairs of score and tokens."""
    token_ids, padding_mask = source
    beams, found = [(0.0, ())], []
    for length in range(1, L + 1):
        targets = np.array([(PAD, *tokens) for _, tokens in beams], "int32")
        rows = [0] * len(beams)
        after = whole(token_ids[rows], padding_mask[rows], targets)[:, -1]
        candidates = [
            (score + after[beam, token], (*tokens, token))
            for beam, (score, tokens) in enumerate(beams)
            for token in range(V)
            if token != PAD
        ]
        candidates = sorted(candidates, reverse=True)[: 2 * num_beams]
        is_over = [tokens[-1] == END or length == L for _, tokens in candidates]
        for (score, tokens), is_ended in list(zip(candidates, is_over, strict=True))[:num_beams]:
            if is_ended:
                found.append((score / length**length_penalty, tokens))
        found = sorted(found, reverse=True)[:num_beams]
        beams = [beam for beam, over in zip(candidates, is_over, strict=True) if not over]
        beams = beams[:num_beams]
        is_full = len(found) == num_beams
        if not beams or (is_full and early_stopping):
            break
        if is_full and beams[0][0] / length**length_penalty <= found[-1][0]:
            break
    return found


def expected_beams(whole, sources, num_beams=4, length_penalty=1.0, early_stopping=False):
    """The same for a batch, in the form of `Translations`."""
    tokens = np.full((B, num_beams, L), PAD)
    scores = np.zeros((B, num_beams))
    for b in range(B):
        source = [array[b : b + 1] for array in sources]
        found = beam_search_without_cache(whole, source, num_beams, length_penalty, early_stopping)
        for k, (score, written) in enumerate(found):
            tokens[b, k, : len(written)], scores[b, k] = written, score
    return tokens, scores
