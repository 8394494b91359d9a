"""What the larger commands do; `segcourse.cli` only reads their options."""


class Interrupted(Exception):
    """Ctrl-C, with what to tell the reader."""
