"""The two ways a command can end that are not the program's fault; the message names the cause and the remedy."""


class HyperscaleError(Exception):
    """Anything a user can cause. Shown as one message, never as a traceback."""

    exit_code = 1


class UsageError(HyperscaleError):
    """A wrong option, name or combination, found before any file, model or network was touched."""

    exit_code = 2


class Refusal(HyperscaleError):
    """The environment refuses: a path, file, data row, model, disk, hub, licence, sandbox or GPU."""

    exit_code = 3


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short, on a GPU or, in the words of PyTorch's allocator, on a CPU."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)
