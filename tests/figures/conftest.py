import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    """A layout that failed, or a sign that the font lacks, would reach the user as a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
