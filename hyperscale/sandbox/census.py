"""How many threads run below a process, seen from outside."""

import os

MOST_PROCESSES = 1000  # looked at; a program that may start processes is not held by this count


def threads(pid: int) -> int:
    """The threads of a process and of what descends from it; what has ended, or may not be seen, counts for none."""
    found = 0
    rest = [pid]
    for process in rest:  # which grows meanwhile
        try:
            found += os.stat(f"/proc/{process}/task").st_nlink - 2
            with open(f"/proc/{process}/task/{process}/children") as children:
                rest += [int(child) for child in children.read().split()]
        except OSError:
            continue
        if len(rest) > MOST_PROCESSES:
            break
    return found
