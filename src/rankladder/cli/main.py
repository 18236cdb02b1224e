"""The ``rankladder`` command."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Sequence

import click

import rankladder
from rankladder.cli import exits
from rankladder.cli.bench import bench
from rankladder.cli.cache import cache
from rankladder.cli.choose import choose
from rankladder.cli.completion import completion
from rankladder.cli.distill import distill
from rankladder.cli.evaluate import evaluate
from rankladder.cli.index import index
from rankladder.cli.models import models
from rankladder.cli.output import StdoutFailed, note, tell, writing
from rankladder.cli.rank import rank
from rankladder.cli.search import search
from rankladder.errors import NotFound, RankladderError, StorageFailed
from rankladder.visible import visible


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(rankladder.__version__, "--version", message="rankladder %(version)s")
def cli() -> None:
    """Search and rerank your documents on this machine.

    \b
    rankladder search "how do I undo a commit" docs/
    cat passages.txt | rankladder rank "how do I undo a commit"

    Exit status: 0 done, 1 a model failed, 2 bad input, 3 not found, 4 model refused, 5 index refused, 6 service
    unreachable, 7 optional package missing, 8 storage failed, 9 device memory full, 10 a worker process failed,
    130 interrupted, 141 the reader of the output closed it.
    """


for verb in (search, rank, index, evaluate, choose, distill, models, cache, bench, completion):
    cli.add_command(verb)


def run(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit status (``rankladder.cli.exits``). Never shows a traceback for an error that
    rankladder raises on purpose, for Ctrl-C, or for a reader that went away.
    """
    warnings.showwarning = lambda message, *_args, **_kwargs: note(str(message))
    if sys.stdout is None:  # closed by the caller: >&-
        sys.stdout = io.StringIO()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 still shows every result
    try:
        status = cli.main(list(arguments), prog_name="rankladder", standalone_mode=False)
        with writing():
            sys.stdout.flush()
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(visible(shown.getvalue()), nl=False, err=True)
        return error.exit_code
    except RankladderError as error:  # before ImportError, which MissingExtra is too
        tell(f"error: {error}")
        return exits.exit_status(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return exits.INTERRUPTED
    except ImportError as error:
        if not isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            raise  # a library written in C++ that is interrupted as it loads raises this
        click.echo("interrupted", err=True)
        return exits.INTERRUPTED
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        tell(f"error: no file has a name as long as {str(error.filename)[:40]!r}…")
        tell("hint: a path is expected; a text may have been given in its place")
        return exits.EXIT_STATUS[NotFound]
    except StdoutFailed as error:
        # What is still in the buffer would fail again when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.reader_left:
            return exits.PIPE_CLOSED
        click.echo(f"error: cannot write to standard output: {error}", err=True)
        return exits.EXIT_STATUS[StorageFailed]
    return status if isinstance(status, int) else exits.OK
