"""`python -m segcourse` is the segcourse command."""

from segcourse.cli import main

main()
