"""The ``rankladder`` command, and ``python -m rankladder``."""

import sys


def main() -> None:
    """Runs the command. Ctrl-C is quiet from the first moment on, while modules are still being imported."""
    try:
        from rankladder.cli.main import run
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
