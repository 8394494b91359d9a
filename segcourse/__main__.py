"""`python -m segcourse`, and what the segcourse command starts with: a terminal that cannot write every letter is no reason to die."""

import contextlib
import sys

from segcourse import language


def speak_what_the_terminal_can(streams) -> None:
    """Let no stream raise for a letter it cannot write, and speak English where it cannot write Korean at all, saying so."""
    mute = False
    for stream in streams:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        with contextlib.suppress(AttributeError, ValueError):        # not every stream can be set, as in an IDE
            stream.reconfigure(errors="backslashreplace")
        try:
            "한글".encode(encoding)
        except (UnicodeError, LookupError):
            mute = True
    if mute and language.current() == "ko":
        language.use_language("en")
        print(f"segcourse: this terminal ({sys.stdout.encoding}) cannot show Korean, so this is English: set PYTHONUTF8=1 for Korean", file=sys.stderr)


def main() -> None:
    """The segcourse command."""
    speak_what_the_terminal_can([stream for stream in (sys.stdout, sys.stderr) if stream is not None])
    from segcourse import cli        # here: the texts of its help are made while it is loaded

    cli.main()


if __name__ == "__main__":
    main()
