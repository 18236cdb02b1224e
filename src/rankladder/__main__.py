"""``python -m rankladder``: the command line."""

from rankladder.cli.main import main

main()
