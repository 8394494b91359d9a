"""`show`: the source of a package function, as a reader of a notebook sees it."""

import inspect


def show(thing) -> None:
    """Display the source code of `thing` (a function, class or method of the course), highlighted in a notebook.

    Raises TypeError where there is no Python source to show.
    """
    from segcourse.language import say

    try:
        source = inspect.getsource(inspect.unwrap(thing))
    except (TypeError, OSError) as error:
        raise TypeError(say(en=f"there is no Python source to show for {thing!r}: pass a function or a class of the course",
                            ko=f"{thing!r}에는 보여 드릴 파이썬 코드가 없어요. 이 강의의 함수나 클래스를 넣어 주세요.")) from error
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import Code, display
    except ImportError:
        print(source)
        return
    if get_ipython() is None:
        print(source)
    else:
        display(Code(source, language="python"))
