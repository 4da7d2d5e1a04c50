"""The one error that a user is meant to read."""


class SarcoError(Exception):
    """Bad input: one sentence that names the file, what was found and what to do.

    What a broken file says may hold anything, so line ends and what steers a terminal are shown as "?".
    """

    def __init__(self, sentence):
        super().__init__("".join(sign if sign.isprintable() else "?" for sign in str(sentence)))
