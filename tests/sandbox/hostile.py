"""Programs that try to get out, to use too much, or to pass without having computed anything.

An escape prints ESCAPED where it worked. `{outside}` is a folder that every user may write to, with a file `secret` in it;
`{parent}` the process id of the supervisor, `{project}` the folder of this project, `{call}` numbers of system calls.
"""

import platform
from dataclasses import dataclass

from hyperscale.sandbox import Ending, Limits

MIB = 1 << 20
_NUMBERS = {
    "x86_64": {"clone": 56, "memfd": 319, "ptrace": 101, "readv": 310, "shmget": 29, "kill": 62, "unshare": 272, "execve": 59},
    "aarch64": {
        "clone": 220,
        "memfd": 279,
        "ptrace": 117,
        "readv": 270,
        "shmget": 194,
        "kill": 129,
        "unshare": 97,
        "execve": 221,
    },
}[platform.machine()]

_C = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    me = os.getpid()
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if os.getpid() != me: os._exit(0)
    if result == -1 and ctypes.get_errno() in (1, 13, 38): raise PermissionError
    print('ESCAPED')
"""

# What works without a sandbox (the tests see to that) and does not in it.
ESCAPES = {
    "write by FileIO": (
        "import io\nio.FileIO('{outside}/new', 'w').write(b'x')\nprint('ESCAPED')\nimport os; os.remove('{outside}/new')"
    ),
    "reload os": (
        "import os, importlib\nos.system = None\nimportlib.reload(os)\nprint('ESCAPED' if os.system('true') == 0 else '')"
    ),
    "import posix": "import posix\nif posix.fork() == 0: posix._exit(0)\nprint('ESCAPED')",
    "subprocess": "import subprocess\nsubprocess.run(['/bin/true'], check=True)\nprint('ESCAPED')",
    "multiprocessing": (
        "import multiprocessing as m\np = m.get_context('fork').Process(target=print)\np.start()\nprint('ESCAPED')"
    ),
    "exec": "import os, sys\nos.execv('/bin/echo', ['echo', 'ESCAPED'])",
    "spawn": "import os\nprint('ESCAPED' if os.posix_spawn('/bin/true', ['true'], {}) else '')",
    "inet socket": "import socket\nsocket.socket()\nprint('ESCAPED')",
    "udp socket": "import socket\nsocket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\nprint('ESCAPED')",
    "abstract socket": "import socket\nsocket.socket(socket.AF_UNIX).bind('\\0hyperscale-test')\nprint('ESCAPED')",
    "socket pair of datagrams": "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\nprint('ESCAPED')",
    "message out of band": "import socket\na, b = socket.socketpair()\na.send(b'x', socket.MSG_OOB)\nprint('ESCAPED')",
    "read a secret": "print('ESCAPED' if open('{outside}/secret').read() else '')",
    "read through a symbolic link": (
        "import os\nos.symlink('{outside}', 'd')\nprint('ESCAPED' if open('d/secret').read() else '')"
    ),
    "read through dots": "import os\np = os.path.relpath('{outside}/secret')\nprint('ESCAPED' if open(p).read() else '')",
    "list a folder": "import os\nos.listdir('{outside}')\nprint('ESCAPED')",
    "list /": "import os\nos.listdir('/')\nprint('ESCAPED')",
    "move a file in": (
        "import os\nos.rename('{outside}/secret', '{outside}/s')\n"
        "os.rename('{outside}/s', '{outside}/secret')\nprint('ESCAPED')"
    ),
    "hard link": "import os\nos.link('{outside}/secret', '{outside}/link')\nos.remove('{outside}/link')\nprint('ESCAPED')",
    "make a folder": "import os\nos.mkdir('{outside}/d')\nos.rmdir('{outside}/d')\nprint('ESCAPED')",
    "symbolic link outside": "import os\nos.symlink('x', '{outside}/l')\nos.remove('{outside}/l')\nprint('ESCAPED')",
    "change permissions": "import os\nos.chmod('{outside}/secret', 0o666)\nprint('ESCAPED')",
    "change times": "import os\nos.utime('{outside}/secret', (0, 0))\nprint('ESCAPED')",
    "append to a file": "open('{outside}/secret', 'a').close()\nprint('ESCAPED')",
    "truncate by path": (
        "import os\nos.truncate('{outside}/secret', 19)\nos.utime('{outside}/secret', (0, 0))\nprint('ESCAPED')"
    ),
    "password file": "print('ESCAPED' if open('/etc/passwd').read() else '')",
    "the project": "print('ESCAPED' if open('{project}/pyproject.toml').read() else '')",
    "import the project": "import sys\nsys.path.insert(0, '{project}')\nimport hyperscale.errors\nprint('ESCAPED')",
    "/proc of the parent": "print('ESCAPED' if open('/proc/{parent}/cmdline').read() else '')",
    "/proc of oneself": "print('ESCAPED' if open('/proc/self/maps').read() else '')",
    "/proc listing": "import os\nprint('ESCAPED' if os.listdir('/proc') else '')",
    "/sys": "print('ESCAPED' if open('/sys/kernel/mm/transparent_hugepage/enabled').read() else '')",
    "memory of oneself by file": "print('ESCAPED' if open('/proc/self/mem', 'rb') else '')",
    "signal the parent": "import os\nos.kill({parent}, 0)\nprint('ESCAPED')",
    "signal the group": "import os\nos.kill(0, 0)\nprint('ESCAPED')",
    "signal by killpg": "import os\nos.killpg(os.getpgrp(), 0)\nprint('ESCAPED')",
    "signal by pidfd": "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open({parent}), 0)\nprint('ESCAPED')",
    "signal by owner of a pipe": "import fcntl, os\nfcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, {parent})\nprint('ESCAPED')",
    "signal by raw call": _C + "call({kill}, {parent}, 0)",
    "clone": _C + "call({clone}, 17, 0, 0, 0, 0)",
    "clone3": _C + "call(435, 0, 0)",
    "vfork by clone": _C + "call({clone}, 0x4000 | 17, 0, 0, 0, 0)",
    "execve by raw call": _C + "call({execve}, b'/nonexistent', 0, 0)",
    "memfd": _C + "call({memfd}, b'x', 0)",
    "ptrace": _C + "call({ptrace}, 0x4206, 1 << 22, 0, 0)",
    "memory of another": _C + "call({readv}, 1 << 22, 0, 0, 0, 0, 0)",
    "io_uring": _C + "call(425, 1, ctypes.create_string_buffer(120))",
    "shared memory that stays": _C + "call({shmget}, 0, 1 << 40, 0o600)",
    "namespace": _C + "call({unshare}, 0x10000000 | 1)",
    "pidfd": _C + "call(434, {parent}, 0)",
    "landlock of one's own": _C + "call(444, 0, 0, 1)",
    "forget the parent": "import ctypes\nprint('ESCAPED' if ctypes.CDLL(None).prctl(1, 0) == 0 else '')",
    "become dumpable": "import ctypes\nprint('ESCAPED' if ctypes.CDLL(None).prctl(4, 1) == 0 else '')",
    "more priority": "import os\nos.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0))\nprint('ESCAPED')",
    "another processor": "import os\nos.sched_setaffinity(0, os.sched_getaffinity(0))\nprint('ESCAPED')",
    "limits of the parent": "import resource\nresource.prlimit({parent}, resource.RLIMIT_CPU)\nprint('ESCAPED')",
    "extended attribute": "import os\nos.listxattr('{outside}/secret')\nprint('ESCAPED')",
    "own library": (
        "import sysconfig, os\np = os.path.join(sysconfig.get_path('stdlib'), 'os.py')\n"
        "f = os.open(p, os.O_RDONLY | os.O_APPEND)\nos.fchmod(f, os.fstat(f).st_mode & 0o7777)\nprint('ESCAPED')"
    ),
    "room without writing": "import os\nos.posix_fallocate(os.open('f', os.O_RDWR | os.O_CREAT), 0, 1 << 12)\nprint('ESCAPED')",
    "daemon": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(60)\n    os._exit(0)\nprint('ESCAPED')"
    ),
}

# x32 numbers exist on few kernels, so that nothing can be seen to work without the sandbox
UNSEEN = {
    "x32 call": _C + "call(0x40000000 + 39)",
    "call of another architecture": _C + "call(0x7fffffff)",
    "typing into the terminal": "import fcntl\nfcntl.ioctl(0, 0x5412, b'x')\nprint('ESCAPED')",
    "terminal": "open('/dev/tty', 'w').write('x')\nprint('ESCAPED')",
    "root": (
        "import os\nos.setuid(0) if os.getuid() else None\n"
        "print('ESCAPED' if os.getuid() == 0 else 'denied')\nos.setresuid(0, 0, 0)\n"
        "print('ESCAPED')"
    ),
    "groups": "import os\nassert os.getgroups() == [] or os.getuid() == {uid}\nos.setgroups([0])\nprint('ESCAPED')",
    "kill everyone": "import os\nos.kill(-1, 9)\nprint('ESCAPED')",
    "kill the parent": "import os\nos.kill({parent}, 9)\nprint('ESCAPED')",
    "session": "import os\nos.setsid()\nprint('ESCAPED')",
    "group": "import os\nos.setpgid(0, {parent})\nprint('ESCAPED')",
    "file that must not be opened for truncation": (
        "import os, sysconfig\nopen('mine', 'w').write('x')\n"
        "os.close(os.open('mine', os.O_RDONLY | os.O_TRUNC))\nprint('ESCAPED')"
    ),
    "inherited descriptors": (
        "import os\nfor d in range(3, 1024):\n    try:\n"
        "        if os.read(d, 1): print('ESCAPED')\n    except OSError: pass\nraise OSError"
    ),
    "inherited environment": "import os\nprint('ESCAPED' if os.environ or os.getenv('PATH') else '')\nraise KeyError",
    "trace of the supervisor": (
        "import sys, gc\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\n"
        "print('ESCAPED' if 'hyperscale' in ''.join(sys.modules) else '')\nraise KeyError"
    ),
}

_FIVE = Limits(cpu_seconds=5, wall=5)


@dataclass(frozen=True, slots=True)
class Excess:
    """A program that uses too much, and the ending that is wanted."""

    code: str
    ending: Ending
    limits: Limits = _FIVE


_SLEEPY = Limits(cpu_seconds=5, wall=0.6)
_SMALL = Limits(output=MIB, scratch=4 * MIB, wall=5)
_ONE = Limits(cpu_seconds=1, wall=20)

EXCESSES = {
    "3 GB": Excess("x = bytearray(3_000_000_000)", Ending.MEMORY_LIMIT),
    "memory in steps": Excess(
        "x = []\nwhile True: x.append(bytearray(b'1') * (64 << 20))", Ending.MEMORY_LIMIT, Limits(memory=256 * MIB)
    ),
    "many objects": Excess("x = []\nwhile True: x = [x, x] * 1000000", Ending.MEMORY_LIMIT, Limits(memory=256 * MIB)),
    "allocation in C": Excess(
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
        "p = libc.malloc(ctypes.c_size_t(3 << 30))\nif not p: raise MemoryError('malloc')\nctypes.memset(p, 1, 3 << 30)",
        Ending.MEMORY_LIMIT,
    ),
    "string too long": Excess("print(len('x' * (1 << 40)))", Ending.MEMORY_LIMIT),
    "integer too long": Excess("x = 1 << (1 << 36)", Ending.MEMORY_LIMIT),
    "memory bomb unpacked": Excess(
        "import zlib\nc = zlib.compress(bytes(1 << 26))\nx = [zlib.decompress(c) for _ in range(99)]",
        Ending.MEMORY_LIMIT,
        Limits(memory=256 * MIB),
    ),
    "swallows everything": Excess(
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass", Ending.TIME_LIMIT, _ONE
    ),
    "swallows and sleeps": Excess(
        ("import time\nwhile True:\n    try:\n        while True: time.sleep(1)\n    except BaseException: pass"),
        Ending.TIME_LIMIT,
        _SLEEPY,
    ),
    "ignores the limit's signal": Excess(
        (
            "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass"
        ),
        Ending.TIME_LIMIT,
        _ONE,
    ),
    "answers at the limit's signal": Excess(
        "import signal, time\nsignal.signal(signal.SIGXCPU, lambda *_: None)\nwhile time.process_time() < 1.2: pass\nprint(4)",
        Ending.TIME_LIMIT,
        _ONE,
    ),
    "timer instead of a limit": Excess(
        "import signal, os\nsignal.signal(signal.SIGVTALRM, lambda *_: os._exit(0))\n"
        "signal.setitimer(signal.ITIMER_VIRTUAL, 1.3)\nwhile True: pass",
        Ending.TIME_LIMIT,
        _ONE,
    ),
    "long call in C": Excess("sum(range(10 ** 12))", Ending.TIME_LIMIT, _ONE),
    "many threads at work": Excess(
        "import threading, hashlib\nd = bytes(1 << 26)\n"
        "ts = [threading.Thread(target=lambda: [hashlib.sha256(d) for _ in range(99)]) for _ in range(4)]\n"
        "for t in ts: t.start()",
        Ending.TIME_LIMIT,
        _ONE,
    ),
    "regular expression": Excess("import re\nre.match('(a*)*b', 'a' * 40)", Ending.TIME_LIMIT, _SLEEPY),
    "power": Excess("x = 7 ** (7 ** 10)", Ending.TIME_LIMIT, _SLEEPY),
    "waits for input": Excess("import threading\nthreading.Event().wait()", Ending.TIME_LIMIT, _SLEEPY),
    "stops itself": Excess("import os, signal\nwhile True: os.kill(os.getpid(), signal.SIGSTOP)", Ending.TIME_LIMIT, _SLEEPY),
    "thread that goes on after the end": Excess(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\nprint(4)", Ending.TIME_LIMIT, _SLEEPY
    ),
    "exit handler that goes on": Excess(
        "import atexit, time\natexit.register(time.sleep, 60)\nprint(4)", Ending.TIME_LIMIT, _SLEEPY
    ),
    "object that goes on": Excess(
        ("import time\nclass A:\n    def __del__(self, sleep=time.sleep): sleep(60)\na = A()\nprint(4)"),
        Ending.TIME_LIMIT,
        _SLEEPY,
    ),
    "output without end": Excess("while True: print('x' * 1000)", Ending.OUTPUT_LIMIT, _SMALL),
    "hundreds of megabytes at once": Excess("import sys\nsys.stdout.write('x' * 300_000_000)", Ending.OUTPUT_LIMIT),
    "errors without end": Excess("import sys\nwhile True: print('x' * 1000, file=sys.stderr)", Ending.OUTPUT_LIMIT, _SMALL),
    "output at the end": Excess("import atexit\natexit.register(print, 'x' * 2_000_000)", Ending.OUTPUT_LIMIT, _SMALL),
    "one large file": Excess("f = open('f', 'wb')\nwhile True: f.write(bytes(1 << 20))", Ending.RUNTIME_ERROR, _SMALL),
    "unlinked files held open": Excess(
        "import os\nh = []\nfor n in range(16):\n    h.append(open('f', 'wb', 0))\n    os.unlink('f')\n"
        "    h[-1].write(bytes(1 << 20))",
        Ending.RUNTIME_ERROR,
        _SMALL,
    ),
    "unlinked files held by mapping": Excess(
        "import os, mmap\nh = []\nfor n in range(16):\n    f = open('f', 'w+b', 0)\n    f.write(bytes(1 << 20))\n"
        "    h.append(mmap.mmap(f.fileno(), 4096))\n    f.close()\n    os.unlink('f')",
        Ending.RUNTIME_ERROR,
        _SMALL,
    ),
    "files in a folder that cannot be read": Excess(
        "import os\nos.mkdir('d', 0o300)\nfor n in range(16): open(f'd/{n}', 'wb').write(bytes(1 << 20))",
        Ending.RUNTIME_ERROR,
        _SMALL,
    ),
    "file grown by mapping": Excess(
        "import mmap\nh = []\nfor n in range(16):\n    f = open(f'{n}', 'w+b', 0)\n    f.truncate(1 << 20)\n"
        "    mmap.mmap(f.fileno(), 1 << 20)[:] = bytes(1 << 20)",
        Ending.RUNTIME_ERROR,
        _SMALL,
    ),
    "empty files without end": Excess(
        "import os\nos.mkdir('d', 0o300)\nfor n in range(20_000): os.close(os.open(f'd/{n}', os.O_CREAT | os.O_WRONLY))",
        Ending.RUNTIME_ERROR,
    ),
    "threads without end": Excess(
        "import threading\ne = threading.Event()\nthreading.stack_size(65536)\n"
        "while True: threading.Thread(target=e.wait, daemon=True).start()",
        Ending.RUNTIME_ERROR,
        Limits(cpu_seconds=5, threads=50),
    ),
    "threads without end that swallow refusals": Excess(
        "import threading, time\ne = threading.Event()\nthreading.stack_size(65536)\nn = 0\nwhile n < 1000:\n"
        "    try: threading.Thread(target=e.wait, daemon=True).start()\n    except RuntimeError: break\n    n += 1\n"
        "if n < 50: 1/0\ntime.sleep(2)",
        Ending.RUNTIME_ERROR,
        Limits(cpu_seconds=5, threads=50),
    ),
    "exits like one that was killed": Excess("import os\nos._exit(137)", Ending.RUNTIME_ERROR),
    "exits like one that computed for too long": Excess("import os\nos._exit(152)", Ending.RUNTIME_ERROR),
    "closed output": Excess("import sys, os\nos.close(1)\nprint(4)", Ending.RUNTIME_ERROR),
    "fork": Excess("import os\nwhile True: os.fork()", Ending.RUNTIME_ERROR),
    "recursion in C": Excess("x = ()\nfor _ in range(4 * 10 ** 6): x = (x,)\nhash(x)", Ending.RUNTIME_ERROR),
    "recursion without end": Excess("def f(): f()\nf()", Ending.RUNTIME_ERROR),
    "crash": Excess("import ctypes\nctypes.string_at(0)", Ending.RUNTIME_ERROR),
    "abort": Excess("import os\nos.abort()", Ending.RUNTIME_ERROR),
    "raises what is no exception": Excess("class A(BaseException): pass\nraise A", Ending.RUNTIME_ERROR),
    "raises what cannot be shown": Excess(
        "class A(Exception):\n    def __str__(self): return self.nothing\nraise A", Ending.RUNTIME_ERROR
    ),
    "exits in shame": Excess("import os\nos._exit(7)", Ending.RUNTIME_ERROR),
    "error hook that hides": Excess("import sys\nsys.excepthook = None\n1/0", Ending.RUNTIME_ERROR),
}
