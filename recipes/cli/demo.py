"""The demos: `regard demo`."""

from pathlib import Path

import click

from ..runs.directories import (
    DEMO_CONTENTS,
    IMAGE_DEMO_CONTENTS,
    TRANSLATION_DEMO_CONTENTS,
    check_output,
)
from .support import quiet


@click.group(invoke_without_command=True)
@click.pass_context
def demo(context) -> None:
    """See a recipe at work on data that it makes itself; `text` if none is named."""
    if context.invoked_subcommand is None:
        context.invoke(demo_text, output=Path("runs/demo-text"), overwrite=False)


def output(default: str):
    """The directory to write, and whether to replace it."""

    def add(command):
        option = click.option(
            "--output",
            type=click.Path(path_type=Path),
            default=default,
            metavar="DIR",
            help="Directory to write.",
        )
        overwrite = click.option("--overwrite", is_flag=True, help="Replace DIR if it exists.")
        return option(overwrite(command))

    return add


@demo.command("text")
@output("runs/demo-text")
def demo_text(output, overwrite) -> None:
    """Train, evaluate, predict and export on generated reviews, in English and Chinese."""
    check_output(output, DEMO_CONTENTS, overwrite)
    with quiet():
        from ..text.demo import run_text_demo
    for line in run_text_demo(output, overwrite):
        click.echo(line)


@demo.command("translation")
@output("runs/demo-translation")
def demo_translation(output, overwrite) -> None:
    """Learn to write English dates and numbers in Chinese; show what the model looks at."""
    check_output(output, TRANSLATION_DEMO_CONTENTS, overwrite)
    with quiet():
        from ..translation.demo import run_translation_demo
    for line in run_translation_demo(output, overwrite):
        click.echo(line)


@demo.command("images")
@output("runs/demo-images")
def demo_images(output, overwrite) -> None:
    """Learn handwritten digits from a folder of files, and export what reads them."""
    check_output(output, IMAGE_DEMO_CONTENTS, overwrite)
    with quiet():
        from ..images.demo import run_image_demo
    for line in run_image_demo(output, overwrite):
        click.echo(line)
