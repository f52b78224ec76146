"""The imports that LiveCodeBench runs before every program, which its reference solutions take for granted."""

_STAR = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools"),
    *("functools", "operator", "io", "sys", "json", "builtins", "typing"),
)
_PLAIN = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools"),
    *("functools", "operator", "io", "sys", "json"),
)

PRELUDE = "\n".join(
    [
        *(f"from {name} import *" for name in _STAR),
        *(f"import {name}" for name in _PLAIN),
        "sys.setrecursionlimit(50000)",
        "sys.set_int_max_str_digits(50000)",
        "",
    ]
)
"""`builtins` comes late, so that `pow`, `open` and the like are the ones that everybody knows."""
