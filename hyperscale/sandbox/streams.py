"""The supervisor's ends of a process's pipes."""

import os

PORTION = 1 << 18


class Feed:
    """Bytes on their way into a process, as fast as it takes them."""

    def __init__(self, descriptor: int, data: bytes) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._rest = memoryview(data)

    def step(self) -> bool:
        """Write what fits; returns whether there is more to come."""
        try:
            self._rest = self._rest[os.write(self.descriptor, self._rest[:PORTION]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:  # a process need not read what it is given
            return False
        return len(self._rest) > 0


class Catch:
    """Bytes that a process writes, up to a limit: what comes after is not read."""

    def __init__(self, descriptor: int, limit: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.data = bytearray()
        self._limit = limit

    @property
    def over(self) -> bool:
        return len(self.data) > self._limit

    def step(self) -> bool:
        """Read what is there; returns whether there may be more."""
        try:
            portion = os.read(self.descriptor, PORTION)
        except BlockingIOError:
            return True
        self.data += portion
        return bool(portion)

    def drain(self) -> None:
        """Read what a process that has ended left in the pipe; not up to its end, which another process may hold."""
        while not self.over:
            try:
                portion = os.read(self.descriptor, PORTION)
            except (BlockingIOError, OSError):
                return
            if not portion:
                return
            self.data += portion
