"""A command with an argument of its own that has verbs too: ``evaluate DATA``, and ``evaluate mteb``."""

from __future__ import annotations

from typing import Any

import click


class ArgumentOrVerb(click.Group):
    """A command that takes its argument, unless the first word is one of its own verbs."""

    allow_extra_args = False  # a group's defaults: they would leave every option behind the argument unread
    allow_interspersed_args = True

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Leaves everything to the verb where there is one."""
        if args and args[0] in self.commands:
            context.invoked_subcommand, context.args = args[0], args[1:]
            return context.args
        return click.Command.parse_args(self, context, args)

    def invoke(self, context: click.Context) -> Any:
        """Runs the verb, or this command."""
        name = context.invoked_subcommand
        if name is None:
            return click.Command.invoke(self, context)
        with self.commands[name].make_context(name, context.args, parent=context) as below:
            return self.commands[name].invoke(below)
