"""``rankladder completion``: the line that switches on completion in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from rankladder.cli.output import say


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes rankladder's commands, options and model names.

    \b
    eval "$(rankladder completion bash)"        in ~/.bashrc
    eval "$(rankladder completion zsh)"         in ~/.zshrc
    rankladder completion fish > ~/.config/fish/completions/rankladder.fish
    """
    script = get_completion_class(shell)
    assert script is not None
    say(script(context.find_root().command, {}, "rankladder", "_RANKLADDER_COMPLETE").source())
