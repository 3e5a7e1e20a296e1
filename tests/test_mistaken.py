"""An option of another task is a mistake that names the one that is meant."""

import pytest

from regard.recipes.cli.commands import run_command


@pytest.mark.parametrize(
    ("command", "flag", "said"),
    [
        ("fit translation", "--text-column", "Here it is --source-column."),
        ("fit translation", "--label-column", "Here it is --target-column."),
        ("fit text", "--source-column", "Here it is --text-column."),
        ("fit text", "--target-column", "Here it is --label-column."),
        ("fit text", "--image-column", "Here it is --text-column."),
        ("fit tokens", "--target-column", "Here it is --label-column."),
        ("fit images", "--text-column", "Here it is --image-column."),
        ("fit images", "--skip-bad-rows", "Here it is --skip-bad-files."),
        ("pretrain text", "--source-column", "Here it is --text-column."),
        ("pretrain text", "--target-column", "Those with it: `regard fit translation`."),
        ("fit text", "--source", "Those with it: `regard fit translation`."),
        ("fit text", "--text-colum", "'--text-column'"),  # what click finds
    ],
)
def test_an_option_of_another_task(capsys, command, flag, said):
    assert run_command([*command.split(), "data", f"{flag}=x"]) == 2
    message = capsys.readouterr().err
    assert f"No such option '{flag}'." in message and said in message
