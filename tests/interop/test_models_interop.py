"""Beside `transformers`, live: the same numbers in, the same numbers out, and back again."""

import shlex
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file

from bert_outputs import assert_close, model_inputs, outputs_of
from regard.models import MaskedLanguageModel, TextClassifier
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
bert = import_module("fixtures.make_bert_fixtures")


def make_pair(directory, architecture, *args, **kwargs):
    """A random model of `transformers`, saved, and a batch for it whose first row is full."""
    model = bert.make_model(architecture, *args, **kwargs)
    model.save_pretrained(directory)
    length = model.config.max_position_embeddings
    return model, bert.make_inputs(model.config, length, lengths=(length, 5, 2))


@pytest.mark.parametrize("num_segments", [1, 2])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("size", ["small", "wide", "deep"])
@pytest.mark.parametrize("architecture", ["BertForPreTraining", "BertForMaskedLM"])
def test_hidden_states_logits_and_loss(architecture, size, activation, num_segments, tmp_path):
    model, inputs = make_pair(tmp_path, architecture, size, activation, num_segments)
    expected = bert.expected_outputs(model, inputs)
    assert ("pooled" in expected) == (architecture == "BertForPreTraining")
    assert_close(outputs_of(tmp_path, inputs), expected)


def test_loss_and_its_gradient_are_those_of_bert_for_masked_lm(tmp_path):
    import tensorflow as tf

    theirs, inputs = make_pair(tmp_path, "BertForMaskedLM", "wide", "gelu", 2)
    loss = theirs(
        torch.tensor(inputs["token_ids"]),
        attention_mask=torch.tensor(inputs["padding_mask"]).long(),
        token_type_ids=torch.tensor(inputs["segment_ids"]),
        labels=bert.masked_labels(inputs),
    ).loss
    loss.backward()
    ours = MaskedLanguageModel.from_checkpoint(tmp_path)
    with tf.GradientTape() as tape:
        logits = ours({**model_inputs(inputs), "masked_positions": inputs["masked_positions"]})
        our_loss = tf.reduce_mean(
            tf.keras.losses.sparse_categorical_crossentropy(
                inputs["masked_labels"], logits, from_logits=True
            )
        )
    assert float(our_loss) == pytest.approx(loss.item(), abs=1e-5)
    gradient = tape.gradient(our_loss, ours.embedding.token_embedding.embeddings.value)
    expected = theirs.bert.embeddings.word_embeddings.weight.grad
    # `transformers` gives the padding token no gradient from below, though the head gives it one.
    np.testing.assert_allclose(tf.convert_to_tensor(gradient)[1:], expected[1:], atol=1e-5)
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize(
    ("architecture", "ours"),
    [("BertForSequenceClassification", TextClassifier), ("BertForMaskedLM", MaskedLanguageModel)],
)
def test_opens_again_in_transformers_bit_equal(architecture, ours, tmp_path):
    theirs, inputs = make_pair(tmp_path, architecture, "deep", "gelu_new", 2)
    checkpoint = Checkpoint(tmp_path)
    model = ours.from_checkpoint(checkpoint)
    again = tmp_path / "again"
    again.mkdir()
    save_checkpoint(model, again, checkpoint.class_names or None)
    before, after = (load_file(d / "model.safetensors") for d in (tmp_path, again))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)

    auto = {
        "BertForSequenceClassification": transformers.AutoModelForSequenceClassification,
        "BertForMaskedLM": transformers.AutoModelForMaskedLM,
    }[architecture]
    reopened, report = auto.from_pretrained(again, output_loading_info=True)
    assert not any(report.values()), report
    assert reopened.config.hidden_act == "gelu_new"
    assert reopened.config.layer_norm_eps == theirs.config.layer_norm_eps
    first, second = (bert.expected_outputs(m.eval(), inputs) for m in (theirs, reopened))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_probabilities_and_labels_of_a_model_of_our_own(tmp_path):
    ours = TextClassifier(31, 3, 12, 2, 3, 17, max_sequence_length=11)  # random, never saved before
    save_checkpoint(ours, tmp_path, ["good", "bad", "ugly"])
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert theirs.config.id2label == {0: "good", 1: "bad", 2: "ugly"}
    inputs = bert.make_inputs(theirs.config)
    probabilities = ops.softmax(ours(model_inputs(inputs)))
    expected = torch.softmax(torch.tensor(bert.expected_outputs(theirs, inputs)["logits"]), -1)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_and_shards(dtype, tmp_path):
    theirs, inputs = make_pair(tmp_path / "whole", "BertForPreTraining", "deep", "relu", 2)
    theirs.to(getattr(torch, dtype)).save_pretrained(tmp_path / "half", max_shard_size="8KB")
    assert len(list((tmp_path / "half").glob("model-*.safetensors"))) > 2
    expected = bert.expected_outputs(theirs.to(torch.float32), inputs)
    assert_close(outputs_of(tmp_path / "half", inputs), expected)


def test_the_command_that_converts_a_pickle(tmp_path):
    theirs, inputs = make_pair(tmp_path, "BertForPreTraining", "wide", "gelu", 2)
    (tmp_path / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"only pytorch_model\.bin") as error:
        Checkpoint(tmp_path)
    command = str(error.value).partition("python -c ")[2]
    subprocess.run([sys.executable, "-c", *shlex.split(command)], check=True)
    assert_close(outputs_of(tmp_path, inputs), bert.expected_outputs(theirs, inputs))


def test_an_untied_head_is_refused_and_its_encoder_is_not(tmp_path):
    theirs = bert.make_model("BertForMaskedLM", "small", "gelu", 2)
    theirs.config.tie_word_embeddings = False
    theirs.cls.predictions.decoder.weight = torch.nn.Parameter(torch.ones(31, 10))
    theirs.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"decoder\.weight must equal"):
        MaskedLanguageModel.from_checkpoint(tmp_path)
    TextClassifier.from_checkpoint(tmp_path, num_classes=2)
