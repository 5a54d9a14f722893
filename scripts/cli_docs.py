"""Write what docs/cli.md says of each command, from the commands; --check compares.

python -m scripts.cli_docs [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from image_service.cli import OF_A_SERVICE, main
from image_service.cli_remote import REMOTE_OPTIONS
from scripts import parts
from scripts.paths import ROOT
from scripts.schema_text import cell

PAGE = ROOT / "docs" / "cli.md"


def made() -> dict[str, str]:
    """Return the parts of the page."""
    return {
        "commands": "\n".join(_commands()),
        "remote": "\n".join(_options([each for each in _shared() if each.name != "help"])),
    }


def _shared() -> list[click.Option]:
    @click.command()
    def command() -> None:
        pass

    for option in reversed(REMOTE_OPTIONS):
        command = option(command)
    return [each for each in command.params if isinstance(each, click.Option)]


def _commands() -> Iterator[str]:
    shared = {each.name for each in _shared()}
    for name, command in sorted(main.commands.items()):
        context = click.Context(command, info_name=f"image-service {name}")
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield f"### {name}\n\n`{usage}`\n\n{_help(command)}\n"
        is_remote = command in OF_A_SERVICE
        options = [
            each
            for each in command.params
            if isinstance(each, click.Option) and not (is_remote and each.name in shared)
        ]
        if options:
            yield from _options(options)
            yield ""
        if is_remote:
            yield "And the [options of all that call a service](#where-the-service-is).\n"
        if isinstance(command, click.Group):
            yield from _of_group(name, command)


def _of_group(group: str, command: click.Group) -> Iterator[str]:
    for name, each in sorted(command.commands.items()):
        context = click.Context(each, info_name=f"image-service {group} {name}")
        usage = " ".join([context.command_path, *each.collect_usage_pieces(context)])
        yield f"`{usage}`\n\n{_help(each)}\n"
        if options := [each for each in each.params if isinstance(each, click.Option)]:
            yield from _options(options)
            yield ""


def _help(command: click.Command) -> str:
    text = (command.help or "").replace("\b\n", "")
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    return "\n\n".join(paragraphs)


def _options(options: list[click.Option]) -> Iterator[str]:
    yield "| option | default | environment | |\n|---|---|---|---|"
    for each in options:
        names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
        value = "" if each.is_flag else f" {_value(each)}"
        default = f"`{each.default}`" if each.show_default and not each.is_flag else ""
        environment = f"`{each.envvar}`" if each.envvar else ""
        yield f"| {names}{cell(value)} | {default} | {environment} | {cell(each.help or '')} |"


def _value(option: click.Option) -> str:
    context = click.Context(main)
    try:
        metavar = option.make_metavar(context)
    except TypeError:  # before click 8.2
        metavar = option.make_metavar()  # type: ignore[call-arg]
    return metavar.replace(" RANGE", "").replace("FLOAT", "NUMBER")


if __name__ == "__main__":
    sys.exit(parts.run(PAGE, made(), "cli_docs"))
