"""The machine that watches over our texts finds what it is to find (house rules)."""

from __future__ import annotations

import pytest

from tests import language


@pytest.mark.parametrize(
    "wrong",
    [
        '"""Who may do this."""\n',
        'def f():\n    """What the user may do."""\n',
        'class A:\n    name = 1\n    """Whoever has it."""\n',
        'async def f():\n    """Whose row it is.\n\n    More.\n    """\n',
        "x = 1  # he may\n",
        "# Whoever asks waits.\n",
        'print("Ask him.")\n',
        "x: int = '1'  # type: ignore\n",
        "x: int = '1'  # type: ignore[assignment]\n",
    ],
)
def test_house_a_bad_text_of_python_is_found(wrong: str) -> None:
    assert len(list(language.problems_of_python(wrong))) == 1


@pytest.mark.parametrize(
    "right",
    [
        '"""Return what the user may do."""\n',
        '"""Watch the theme."""\n',
        'x = "Who are you?"\n',
        "x = 1  # Who may?\n",
        "x: int = '1'  # type: ignore[assignment]  # on purpose\n",
    ],
)
def test_house_a_good_text_of_python_is_left_alone(right: str) -> None:
    assert list(language.problems_of_python(right)) == []


def test_house_prose_has_130_characters_a_line_and_not_131() -> None:
    page = f"{'x' * 130}\n{'x' * 131}\n| {'x' * 200} |\n```\n{'x' * 200}\n```\n{'x' * 131}\n"
    assert [line for line, _ in language.problems_of_markdown(page)] == [2, 7]


def test_house_a_page_that_says_he_is_found() -> None:
    for problems in (language.problems_of_markdown, language.problems_of_text):
        assert [line for line, _ in problems("The user.\nHe signs in.\n")] == [2]


def test_house_the_whole_project_is_read() -> None:
    names = set(language.files())
    assert {"README.md", "docs/clients.md", "sync/models.py"} <= names
    assert {"templates/workspace.html", "clients/workspace/src/main.tsx"} <= names
