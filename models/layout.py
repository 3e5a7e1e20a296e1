"""Describes how Hugging Face writes down a kind of model: its `config.json` and its tensors."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..layers import gelu_tanh, quick_gelu
from . import disk
from .checkpoint_files import CheckpointError
from .config_entries import look_up, nested, one_of, positive_problems
from .rows import Row

_ACTIVATIONS = {
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "gelu_new": keras.activations.serialize(gelu_tanh),
    "gelu_pytorch_tanh": keras.activations.serialize(gelu_tanh),
    "quick_gelu": keras.activations.serialize(quick_gelu),
}


@dataclass(frozen=True)
class Layout:
    """Holds the names of one kind of model: those of its config and tensors, theirs and ours.

    A dotted name of an argument, "variation.embedding.pad_id" say, is that of one within dicts.

    Attributes:
        model_type: Its name in a config.
        title: Its name as people write it.
        kind: What its models are for: "texts", "images" or "translations".
        architectures: The architectures that are read, and the groups of tensors that each must
            have beside `always`.
        always: The groups that every checkpoint has.
        groups: The tables of names, each of rows as `regard.models.rows` makes them.
        sizes: Our constructor arguments that are sizes, and their names in the config.
        rates: Our arguments in [0, 1), likewise.
        token_ids: Our arguments that are ids of tokens, likewise.
        dimensions: A function from the arguments to the sizes that letters of shapes stand for,
            beyond D, F and C.
        further_arguments: A function from a config to the arguments that need more than another
            name, by their names.
        constants: Constructor arguments that are the same for all models of this kind.
        plain: Constructor arguments that some of our models have, with the one value that other
            programs compute.
        activation: The name of the activation in the config; empty if there is no choice.
        defaults: The values of entries that a config leaves out.
        allowed: Entries of a config with the only values that can be computed here.
        equal: Entries that must have the value of another, which is also their default.
        further_problems: A function from a config to further faults in it, in words.
        written: Entries of a config to write: a value, or a function of the arguments.
        tied: The group that scores with the token embedding, if any. Where it is loaded, `copies`
            and `fixed` must hold.
        copies: A function from the arguments to the tensors that may be there, each with another
            that it equals, and which it may replace.
        fixed: Tensors that may be there, each with a function that computes it from the arguments.
        idle: Tensors that may be there and are not used, by name; a star is for any characters.
        zeros: Tensors that others have and do not read: they are written as zeros, with the letters
            of their shapes.
        unneeded: The beginnings of names of tensors that may be there, and that the log names as
            left out.
        takes_any_head: Whether a checkpoint may be of any other architecture as well. Of such a one
            all is left out that is not below the `prefix`: a head of another task.
        prefix: The prefix that some checkpoints lack before names that begin as in `prefixed`.
        prefixed: The beginnings of such names.
        has_classes: Whether a model of this kind may be a classifier.
        aliases: Other names that it has in configs, of a part that is a checkpoint of its own.
        section: The entry of a config, if any, that holds those of the model as a dict.
    """

    model_type: str
    title: str
    kind: str
    architectures: Mapping[str, Sequence[str]]
    always: Sequence[str]
    groups: Mapping[str, Sequence[Row]]
    sizes: Mapping[str, str]
    rates: Mapping[str, str]
    activation: str
    defaults: Mapping[str, Any]
    allowed: Mapping[str, Sequence[Any]]
    written: Mapping[str, Any]
    dimensions: Callable[[Mapping[str, Any]], Mapping[str, int]]
    further_arguments: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda config: {}
    further_problems: Callable[[Mapping[str, Any]], Iterable[str]] = lambda config: ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    plain: Mapping[str, Any] = field(default_factory=dict)
    token_ids: Mapping[str, str] = field(default_factory=dict)
    equal: Mapping[str, str] = field(default_factory=dict)
    tied: str = ""
    copies: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda arguments: {}
    fixed: Mapping[str, Callable[[Mapping[str, Any]], np.ndarray]] = field(default_factory=dict)
    idle: Sequence[str] = ()
    zeros: Mapping[str, str] = field(default_factory=dict)
    unneeded: Sequence[str] = ()
    takes_any_head: bool = False
    prefix: str = ""
    prefixed: Sequence[str] = ()
    has_classes: bool = False
    aliases: Sequence[str] = ()
    section: str = ""

    def read_config(
        self, config: Mapping[str, Any], path: Path
    ) -> tuple[dict[str, Any], list[str], set[str]]:
        """Returns the model that a `config.json` describes; nothing in it is run.

        Returns:
            The constructor arguments of a model, the names of the classes that a classifier would
            have, and the groups of tensors that the architecture must have.

        Raises:
            CheckpointError: If it describes what cannot be computed here; the message names it all.
        """
        inner = config.get(self.section) if self.section else None
        if inner is not None and not isinstance(inner, dict):
            raise CheckpointError(f"{path}: {self.section} must be an object, not {inner!r:.40}.")
        config = {"architectures": [], **self.defaults, **(inner or {}), **config}
        for name, other in self.equal.items():
            if config.get(name) is None:
                config[name] = config.get(other)
        problems = list(self._problems(config))
        if problems:
            raise CheckpointError(f"{path}: {'; '.join(problems)}.")
        named = {**self.sizes, **self.rates, **self.token_ids}
        values = {ours: config[theirs] for ours, theirs in named.items()}
        if self.activation:
            values["activation"] = _ACTIVATIONS[config[self.activation]]
        arguments = {**nested({**values, **self.further_arguments(config)}), **self.constants}
        architectures = config["architectures"] or ()
        groups = {group for name in architectures for group in self.architectures.get(name, ())}
        has_names = self.has_classes and not self.other_heads(config)
        return arguments, _class_names(config) if has_names else [], {*self.always, *groups}

    def other_heads(self, config: Mapping[str, Any]) -> list[str]:
        """Returns the architectures of a config whose heads are none that is read."""
        names = config.get("architectures") or ()
        return [name for name in names if name not in self.architectures]

    def _problems(self, config: Mapping[str, Any]) -> Iterator[str]:
        """Yields what is wrong with a config, in words."""
        of_activation = {self.activation: _ACTIVATIONS} if self.activation else {}
        for name, values in {**self.allowed, **of_activation}.items():
            if config.get(name) not in list(values):
                yield f"{name} must be {one_of(values)}, not {config.get(name)!r:.40}"
        architectures, is_ours = config["architectures"], True
        if not isinstance(architectures, list | None):
            yield f"architectures must be a list, not {architectures!r:.40}"
        elif not all(self._takes(name) for name in architectures or ()):
            known = one_of(self.architectures)
            yield f"the architecture must be {known}, not {architectures!r:.80}"
        else:
            is_ours = not self.other_heads(config)
        yield from self._number_problems(config)
        yield from self._width_problems(config)
        yield from self.further_problems(config)
        if is_ours and self.has_classes and not _class_names(config):
            name = "num_labels" if config.get("id2label") is None else "id2label"
            yield (
                "id2label must give each of the classes 0, 1, ... a name of its own, or num_labels "
                f"their number; {name} is {config[name]!r:.80}"
            )

    def _takes(self, architecture: Any) -> bool:
        is_any = self.takes_any_head and isinstance(architecture, str)
        return is_any or architecture in list(self.architectures)

    def _number_problems(self, config: Mapping[str, Any]) -> Iterator[str]:
        yield from positive_problems(config, *self.sizes.values())
        for name in self.rates.values():
            if type(config.get(name)) not in (int, float) or not 0 <= config[name] < 1:
                yield f"{name} must be a number in [0, 1), not {config.get(name)!r:.40}"
        for name in self.token_ids.values():
            if type(config.get(name)) is not int or config[name] < 0:
                yield f"{name} must be an integer, at least 0, not {config.get(name)!r:.40}"
        for name, other in self.equal.items():
            if config[name] != config.get(other):
                yield f"{name} must be as {other}, not {config[name]!r:.40}"

    def _width_problems(self, config: Mapping[str, Any]) -> Iterator[str]:
        width, heads = (self.sizes.get(name) for name in ("hidden_dim", "num_heads"))
        sizes = config.get(width), config.get(heads)
        if all(type(size) is int and size > 0 for size in sizes) and sizes[0] % sizes[1]:
            yield f"{width} must be a multiple of {heads}, not {sizes[0]} of {sizes[1]}"

    def write_config(
        self,
        model: keras.Model,
        path: Path,
        class_names: Sequence[str] | None,
        problem_type: str | None = None,
    ) -> None:
        """Writes the `config.json` of a model.

        Args:
            model: A model of this kind.
            path: The file.
            class_names: The names of a classifier's classes, in the order of the logits.
            problem_type: What its answers are, by `transformers`' word. Defaults to not saying it.

        Raises:
            CheckpointError: If the format cannot express an argument of the model or the names.
        """
        arguments = model.config
        self._check_plain(arguments)
        named = {**self.sizes, **self.rates, **self.token_ids}
        entries = {theirs: look_up(arguments, ours) for ours, theirs in named.items()}
        if self.activation:
            usual = self.defaults.get(self.activation)
            entries[self.activation] = _activation_name(arguments["activation"], usual)
        entries |= {name: entries[other] for name, other in self.equal.items()}
        entries |= {
            name: value(arguments) if callable(value) else value
            for name, value in self.written.items()
        }
        config = {"architectures": [model.architecture], "model_type": self.model_type}
        config |= {self.section: entries} if self.section else entries
        if "num_classes" in arguments:
            names = _checked_class_names(class_names, arguments["num_classes"])
            config["id2label"] = {str(index): name for index, name in enumerate(names)}
            config["label2id"] = {name: index for index, name in enumerate(names)}
            config |= {} if problem_type is None else {"problem_type": problem_type}
        write_json(path, config)

    def _check_plain(self, arguments: Mapping[str, Any]) -> None:
        """Raises `CheckpointError` for a model that other programs would compute otherwise."""
        for name, value in {**self.constants, **self.plain}.items():
            if arguments.get(name, value) != value:
                raise CheckpointError(
                    f"A checkpoint of model_type {self.model_type!r} must be of a model with "
                    f"{name}={value!r}. Received: {name}={arguments[name]!r:.80}. "
                    "Keep this one by model.save('model.keras')."
                )


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file that people can read."""
    disk.write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _class_names(config: Mapping[str, Any]) -> list[str]:
    """Returns the names of the classes in order; none if they are not as they must be."""
    labels = config.get("id2label")
    if labels is None:
        count = config["num_labels"] if type(config["num_labels"]) is int else 0
        return _numbered_labels(min(count, 10_000))  # so that no number costs memory
    if not isinstance(labels, dict):
        return []
    names = [labels.get(str(index)) for index in range(len(labels))]
    is_good = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return names if is_good else []


def _numbered_labels(count: int) -> list[str]:
    return [f"LABEL_{index}" for index in range(count)]  # as transformers does


def _activation_name(activation: str | dict[str, Any], usual: str | None) -> str:
    """Returns the name of an activation in a config: of several, the one that is usual there."""
    if _ACTIVATIONS.get(usual) == activation:
        return usual
    for name, serialized in _ACTIVATIONS.items():
        if serialized == activation:
            return name
    raise CheckpointError(
        f"A checkpoint's activation must be {one_of(_ACTIVATIONS)}. Received: {activation!r:.80}"
    )


def _checked_class_names(names: Sequence[str] | None, num_classes: int) -> Sequence[str]:
    """Returns the names of a classifier's classes, by default as `transformers` numbers them."""
    names = _numbered_labels(num_classes) if names is None else names
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise CheckpointError(
            f"class_names must give each of the {num_classes} classes a name of its own. "
            f"Received: {names!r:.200}"
        )
    return names
