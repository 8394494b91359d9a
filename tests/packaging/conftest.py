"""What these tests need from outside, another Python, uv, a package index, may be missing: then they skip and say what."""

import pytest

from segcourse.authoring.elsewhere import Unavailable


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():      # fixtures
    try:
        return (yield)
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    try:
        return (yield)
    except Unavailable as missing:
        pytest.skip(str(missing))
