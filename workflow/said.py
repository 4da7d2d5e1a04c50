"""What the scripts of this folder share: a `SarcoError` is said in one sentence, and the exit code is 2."""

import functools
import sys

from sarco.base.errors import SarcoError


def said(main):
    """Make a function of command line arguments return an exit code, its own or 0, and 2 after a `SarcoError`."""

    @functools.wraps(main)
    def script(arguments=None):
        try:
            return main(arguments) or 0
        except SarcoError as error:
            print(error, file=sys.stderr)
            return 2

    return script
