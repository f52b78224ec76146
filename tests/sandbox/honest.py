"""Correct programs that a careless judge would fail: name, source, input, output."""

PROGRAMS = {
    "lines of standard input": ("import sys\nprint(sum(int(l) for l in sys.stdin))", "1\n2\n3", "6"),
    "input until the end": (
        "t = 0\ntry:\n    while True:\n        t += int(input())\nexcept EOFError:\n    print(t)",
        "1\n2\n",
        "3",
    ),
    "binary lines": ("import sys\nr = sys.stdin.buffer.readline\nprint(int(r()) - int(r()))", "7\n2\n", "5"),
    "global counter": ("cnt = 0\ndef f():\n    global cnt\n    cnt += 1\nf(); f()\nprint(cnt)", "", "2"),
    "eval of a global": ("y = 3\nprint(eval('y+1'))", "", "4"),
    "eval of a global in a function": ("y = 3\ndef f(): return eval('y+1')\nprint(f())", "", "4"),
    "os.read": ("import os\nprint(int(os.read(0, 100)))", "41", "41"),
    "binary output": ("import sys\nsys.stdout.buffer.write(b'4\\n')", "", "4"),
    "os.write": ("import os\nos.write(1, b'4\\n')", "", "4"),
    "print and os.write": ("import os\nprint(1, flush=True)\nos.write(1, b'2\\n')\nprint(3)", "", "1\n2\n3"),
    "quit": ("print(4); quit()", "", "4"),
    "exit": ("print(4); exit(0)", "", "4"),
    "sys.exit": ("import sys\nprint(4)\nsys.exit()", "", "4"),
    "sys.exit in a function": ("import sys\ndef main():\n    print(4)\n    sys.exit(0)\nmain()\nprint(5)", "", "4"),
    "os._exit": ("import os\nprint(4, flush=True); os._exit(0)", "", "4"),
    "thread": ("import threading\nt = threading.Thread(target=lambda: print(4))\nt.start(); t.join()", "", "4"),
    "thread that is not joined": (
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.05), print(4))).start()",
        "",
        "4",
    ),
    "many threads": (
        "import threading\nr = []\nts = [threading.Thread(target=r.append, args=(i,)) for i in range(100)]\n"
        "for t in ts: t.start()\nfor t in ts: t.join()\nprint(sum(r))",
        "",
        "4950",
    ),
    "thread pool": (
        (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor(8) as p: print(sum(p.map(lambda x: x * x, range(10))))"
        ),
        "",
        "285",
    ),
    "recursion in a thread with a large stack": (
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 29)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        "t = threading.Thread(target=lambda: print(f(200000)))\nt.start(); t.join()",
        "",
        "200000",
    ),
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(300000))",
        "",
        "300000",
    ),
    "deep recursion through a cache": (
        "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10**6)\n"
        "@lru_cache(None)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(60000))",
        "",
        "60000",
    ),
    "recursion up to the usual limit": ("def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(997))", "", "997"),
    "larger stack asked for": (
        (
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
            "print(4)"
        ),
        "",
        "4",
    ),
    "main guard": ("def main(): print(4)\nif __name__ == '__main__': main()", "", "4"),
    "open(0)": ("print(sum(map(int, open(0))))", "1\n2", "3"),
    "open(0) read": ("print(open(0).read().split()[1])", "1 2", "2"),
    "/dev/stdin": ("print(sum(map(int, open('/dev/stdin'))))", "1\n2", "3"),
    "sys.stdin rebound": (
        "import sys, io, os\ninput = io.BytesIO(os.read(0, os.fstat(0).st_size or 99)).readline\nprint(int(input()))",
        "5\n",
        "5",
    ),
    "output collected": (
        (
            "import sys, io\nout = io.StringIO()\nsys.stdout = out\nprint(4)\n"
            "sys.stdout = sys.__stdout__\nprint(out.getvalue(), end='')"
        ),
        "",
        "4",
    ),
    "exit handler": ("import atexit\natexit.register(lambda: print(4))", "", "4"),
    "class pickled": (
        (
            "import pickle\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
            "print(pickle.loads(pickle.dumps(P(4))).x)"
        ),
        "",
        "4",
    ),
    "copied": ("import copy\nclass N:\n    def __init__(s): s.k = [s]\nn = copy.deepcopy(N())\nprint(n.k[0] is n)", "", "True"),
    "star imports": (
        "from typing import *\nfrom collections import *\nfrom math import *\nx: List[int] = [gcd(4, 6)]\nprint(Counter(x)[2])",
        "",
        "1",
    ),
    "future import": ('"""doc"""\nfrom __future__ import annotations\ndef f(x: Nope) -> Never: return 4\nprint(f(1))', "", "4"),
    "heapq, bisect and caches": (
        "import heapq, bisect, functools, itertools, operator\nh = [3, 1, 2]\nheapq.heapify(h)\n"
        "f = functools.cache(lambda n: n if n < 2 else f(n - 1) + f(n - 2))\n"
        "print(heapq.heappop(h), bisect.bisect([1, 2], 1), f(80), *itertools.accumulate([1, 2], operator.mul))",
        "",
        "1 1 23416728348467685 1 2",
    ),
    "non-ASCII": ("print(input()[::-1] + ' — 雪')", "éa", "aé — 雪"),
    "default encoding": ("open('f', 'w').write('雪')\nprint(len(open('f').read()))", "", "1"),
    "bytes that are no UTF-8": ("import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())", b"\xff\xfe", b"\xff\xfe"),
    "lone surrogate": ("print(len(input()))", b"\xff\n", "1"),
    "import __main__": ("import __main__\nx = 4\nprint(__main__.x)", "", "4"),
    "own module": ("import sys\nx = 4\nprint(sys.modules['__main__'].x, __name__)", "", "4 __main__"),
    "own source": ("import inspect\ndef f(): return 1\nprint(inspect.getsource(f).strip())", "", "def f(): return 1"),
    "own file": ("import os\nprint(os.path.basename(__file__), len(__import__('sys').argv))", "", "main.py 1"),
    "scratch files": (
        "open('a', 'w').write('4')\nimport os\nos.rename('a', 'b')\nprint(open('b').read())\nos.remove('b')",
        "",
        "4",
    ),
    "temporary file": (
        "import tempfile\nwith tempfile.TemporaryFile() as f:\n    f.write(b'4'); f.seek(0); print(f.read().decode())",
        "",
        "4",
    ),
    "signal handler": (
        (
            "import signal\nsignal.signal(signal.SIGALRM, lambda *_: print('rung'))\n"
            "signal.setitimer(signal.ITIMER_REAL, .01)\nsignal.pause()"
        ),
        "",
        "rung",
    ),
    "signal to oneself": (
        "import os, signal\nsignal.signal(signal.SIGUSR1, lambda *_: print(4))\nos.kill(os.getpid(), signal.SIGUSR1)",
        "",
        "4",
    ),
    "exact numbers": (
        (
            "from decimal import *\nfrom fractions import Fraction\ngetcontext().prec = 30\n"
            "print(Decimal(1) / 7, Fraction(1, 3), 2 ** 100)"
        ),
        "",
        "0.142857142857142857142857142857 1/3 1267650600228229401496703205376",
    ),
    "large integers printed": ("import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(10 ** 10000)))", "", "10001"),
    "dates and zones": (
        (
            "import datetime, zoneinfo, time\n"
            "print(datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo('UTC')).timestamp(), time.time() > 0)"
        ),
        "",
        "1704067200.0 True",
    ),
    "random numbers": (
        (
            "import random, secrets, uuid\nrandom.seed(1)\n"
            "print(random.random(), len(secrets.token_hex(2)), len(str(uuid.uuid4())))"
        ),
        "",
        "0.13436424411240122 4 36",
    ),
    "hashes and compression": (
        (
            "import hashlib, zlib, bz2, lzma, base64\n"
            "print(hashlib.sha256(b'').hexdigest()[:8], len(zlib.compress(b'a' * 99)) < 20)\n"
            "print(lzma.decompress(lzma.compress(b'4')).decode())"
        ),
        "",
        "e3b0c442 True\n4",
    ),
    "mmap, gc and weak references": (
        (
            "import mmap, gc, weakref\nm = mmap.mmap(-1, 4096)\nm[:1] = b'4'\ngc.collect()\n"
            "print(m[:1].decode(), weakref.ref(gc.collect) is not None)"
        ),
        "",
        "4 True",
    ),
    "ctypes": ("import ctypes, ctypes.util\nprint(ctypes.CDLL('libm.so.6').abs(-4))", "", "4"),
    "regular expressions, JSON, CSV": (
        (
            "import re, json, csv, io, string, textwrap\n"
            "print(re.sub('a+', 'b', 'caat'), json.loads('[4]')[0], next(csv.reader(io.StringIO('1,2'))))"
        ),
        "",
        "cbt 4 ['1', '2']",
    ),
    "event loop": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(.01)\n    return 4\nprint(asyncio.run(f()))",
        "",
        "4",
    ),
    "queue and timer": (
        "import queue, threading\nq = queue.Queue()\nthreading.Timer(.01, q.put, (4,)).start()\nprint(q.get())",
        "",
        "4",
    ),
    "standard error": ("import sys, warnings\nprint('debug', file=sys.stderr)\nwarnings.warn('hm')\nprint(4)", "", "4"),
    "input not read": ("print(4)", "x" * 1_000_000, "4"),
    "standard input closed": ("import sys\nsys.stdin.close()\nprint(4)", "1", "4"),
    "class, metaclass, generic": (
        "from typing import Generic, TypeVar\nfrom enum import Enum, auto\nfrom abc import ABC\nT = TypeVar('T')\n"
        "class B(Generic[T], ABC): pass\nclass E(Enum):\n    A = auto()\nprint(E.A.value, B[int].__origin__ is B)",
        "",
        "1 True",
    ),
    "exec and compile": ("ns = {}\nexec(compile('def f(): return 4', 's', 'exec'), ns)\nprint(ns['f']())", "", "4"),
    "byte order mark": ("\ufeffprint(4)", "", "4"),
    "Windows line ends": ("x = 4\r\nif x:\r\n    print(x)\r\n", "1\r\n", "4"),
    "hash seed": ("print(hash('abc') == hash('ab' + 'c'), len({'a', 'b'}))", "", "True 2"),
}
