"""The models that come with the package, and what a model's name stands for."""

from pathlib import Path

from hyperscale.errors import Refusal
from hyperscale.names import unknown

ASSETS = Path(__file__).parent / "assets"


def bundled_models() -> list[str]:
    return sorted(path.parent.name for path in ASSETS.glob("*/config.json"))


def locate(name: str) -> str:
    """The folder or hub id `name` stands for; a wrong name is a usage error, found without touching a file but a folder's."""
    if name in bundled_models():
        return str(ASSETS / name)
    if Path(name).is_dir():
        return name
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise Refusal(f"There is no model folder {name}.")
    if "/" not in name:
        raise unknown("model", name, [*bundled_models(), "<folder>", "<owner>/<name> on the hub"])
    return name
