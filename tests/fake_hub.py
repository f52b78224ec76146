"""A hub of data sets and models on loopback: the few answers that huggingface_hub, datasets and transformers ask for."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Repository:
    """One data set or model of the hub; access to `failing` files is denied."""

    name: str
    files: Mapping[str, bytes]
    gated: bool = False
    broken: bool = False
    failing: Sequence[str] = ()


class Handler(BaseHTTPRequestHandler):
    repositories: Sequence[Repository]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.answer(self.rfile.read(length).decode())

    def answer(self, body: str = "") -> None:
        path = self.path.split("?")[0]
        for branch in ("/resolve/main/", "/revision/main", "/tree/main/"):
            path = path.replace(branch, branch.replace("main", REVISION))
        self.repository = next((item for item in self.repositories if f"/{item.name}/" in f"{path}/"), Repository("", {}))
        if self.repository.broken:
            self.send(500, b"out of order", {})
        elif not self.repository.name:
            self.send(401, b"", {"X-Error-Code": "RepoNotFound"})
        elif path == f"/api/models/{self.repository.name}":
            self.json({"id": self.repository.name, "sha": REVISION, "private": False, "tags": [], "siblings": []})
        elif f"/{REVISION}" not in path:
            self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif "/resolve/" in path:
            self.file(path.split(f"/{REVISION}/")[1])
        elif "/revision/" in path:
            siblings = [{"rfilename": name} for name in self.repository.files]
            self.json({"id": self.repository.name, "sha": REVISION, "private": False, "tags": [], "siblings": siblings})
        elif "/tree/" in path:
            self.tree(path.split(f"/tree/{REVISION}")[1].strip("/"))
        elif "/paths-info/" in path:
            self.json([self.entry(name) for name in self.repository.files if name in body.replace("%2F", "/")])
        else:
            self.send(404, b"", {})

    def tree(self, folder: str) -> None:
        inside = [name for name in self.repository.files if not folder or name.startswith(f"{folder}/")]
        deeper = [name[len(folder) :].lstrip("/") for name in inside]
        folders = {f"{folder}/{rest.split('/')[0]}".strip("/") for rest in deeper if "/" in rest}
        listed = (
            inside
            if "recursive=true" in self.path.lower()
            else [n for n, rest in zip(inside, deeper, strict=True) if "/" not in rest]
        )
        self.json(
            [self.entry(name) for name in listed]
            + [{"type": "directory", "path": name, "size": 0, "oid": "0"} for name in folders]
        )

    def entry(self, name: str) -> dict[str, object]:
        content = self.repository.files[name]
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def file(self, name: str) -> None:
        if self.repository.gated:
            self.send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
        elif name in self.repository.failing:
            self.send(403, b"not now", {})
        elif name not in self.repository.files:
            self.send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": REVISION})
        else:
            content = self.repository.files[name]
            self.send(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": REVISION})

    def json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(*repositories: Repository) -> Iterator[str]:
    """The endpoint of a hub that runs while the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"repositories": repositories}))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
