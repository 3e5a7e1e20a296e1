"""Settings, declared once: their checks, their words, what an editor and a command show."""

import ast
import inspect
from pathlib import Path

import click
import pytest

import regard
from make_stubs import stub_of
from regard import UserError
from regard.recipes.cli.options import options_of
from regard.recipes.declarations import Declared, declared, divided, setting, takes
from regard.recipes.tasks import TASKS


@declared()
class Oven(Declared):
    """The settings of an oven."""

    minutes: int = setting("Time in it.", 20, at_least=1, below=100)
    degrees: float | None = setting("Heat.", default_is="hot", above=0)
    cake: str = setting("What is in it.", "apple", choices=("apple", "lemon"))
    fan: bool | None = setting("Let a fan turn.", default_is="if there is one")
    notes: str | None = setting("For the baker.", flag=False)
    racks: int = setting("Racks.", 1, at_least=1, metavar="N")


@declared(minutes={"default": 5, "help": "Time under the grill."}, degrees="very hot")
class Grill(Oven):
    """The settings of a grill."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minutes": 0}, r"`minutes` must be in \[1, 100\)\. Received: minutes=0"),
        ({"minutes": 100}, r"minutes=100"),
        ({"minutes": 2.5}, r"`minutes` must be an integer, in \[1, 100\)"),
        ({"minutes": "3"}, r"an integer"),
        ({"minutes": True}, r"an integer"),
        ({"degrees": 0.0}, r"`degrees` must be finite and above 0\. Received: degrees=0\.0"),
        ({"degrees": float("nan")}, r"degrees=nan"),
        ({"degrees": "hot"}, r"`degrees` must be a number, finite and above 0"),
        ({"cake": "plum"}, r"`cake` must be one of apple, lemon\. Received: cake=plum"),
        ({"racks": 0}, r"`racks` must be at least 1"),
    ],
)
def test_a_value_out_of_range(given, message):
    with pytest.raises(UserError, match=message):
        Oven(**given)


def test_values_in_range():
    oven = Oven(minutes=99, degrees=1, fan=False)
    assert (oven.minutes, oven.degrees, oven.cake, oven.fan) == (99, 1, "apple", False)
    assert oven.with_defaults(fan=True, notes="mind the door").fan is False
    assert oven.with_defaults(notes="mind the door").notes == "mind the door"


def test_the_docstring_lists_what_is_declared():
    lines = inspect.getdoc(Oven).splitlines()
    assert "    minutes: Time in it. It must be in [1, 100). Defaults to `20`." in lines
    assert "    degrees: Heat. It must be finite and above 0. Defaults to hot." in lines
    assert "    fan: Let a fan turn. Defaults to if there is one." in lines


def test_what_is_inherited_is_declared_in_other_words():
    lines = inspect.getdoc(Grill).splitlines()
    assert "    minutes: Time under the grill. It must be in [1, 100). Defaults to `5`." in lines
    assert "    degrees: Heat. It must be finite and above 0. Defaults to very hot." in lines
    assert (Grill().minutes, Oven().minutes) == (5, 20)
    with pytest.raises(UserError, match="minutes=0"):
        Grill(minutes=0)


def test_options_of_a_command():
    @click.command(context_settings={"show_default": True, "max_content_width": 100})
    @options_of(Oven)
    def bake(**given):
        click.echo(sorted(given.items()))

    help_text = bake.get_help(click.Context(bake, terminal_width=100, show_default=True))
    assert "[default: hot]" in help_text and "--notes" not in help_text
    assert "[apple|lemon]" in help_text and "--fan / --no-fan" in help_text
    runner = pytest.importorskip("click.testing").CliRunner()
    answer = runner.invoke(bake, ["--degrees", "180", "--no-fan", "--racks", "2"])
    assert answer.exit_code == 0
    assert "('degrees', 180.0), ('fan', False), ('minutes', 20), ('racks', 2)" in answer.output
    for wrong in (["--degrees", "inf"], ["--minutes", "100"], ["--cake", "plum"]):
        answer = runner.invoke(bake, wrong)
        assert answer.exit_code == 2 and wrong[0] in answer.output


def test_a_function_shows_what_it_takes():
    @takes(Oven, Grill)
    def bake(dough, *, output=None, **options):
        return divided(options, Oven)

    parameters = inspect.signature(bake).parameters
    assert list(parameters)[:3] == ["dough", "output", "minutes"]
    assert parameters["cake"].default == "apple"
    assert bake("yeast", minutes=3) == [{"minutes": 3}]
    with pytest.raises(TypeError, match=r"no setting 'minute'. Did you mean 'minutes'\?"):
        bake("yeast", minute=3)


@pytest.mark.parametrize(
    ("fit", "settings"),
    [
        ("fit_text", "TextSettings"),
        ("fit_images", "ImageSettings"),
        ("fit_translation", "TranslationSettings"),
        ("pretrain_text", "PretrainingSettings"),
    ],
)
def test_every_recipe_shows_its_settings(fit, settings):
    shown = inspect.signature(getattr(regard, fit)).parameters
    for name, parameter in inspect.signature(getattr(regard, settings)).parameters.items():
        assert shown[name].default == parameter.default
        assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_an_editor_sees_every_setting(task):
    """What `python tests/make_stubs.py` writes is up to date."""
    stub = Path(inspect.getfile(task.load("recipe", task.fit))).with_suffix(".pyi")
    assert ast.dump(ast.parse(stub.read_text("utf-8"))) == ast.dump(ast.parse(stub_of(task)))
