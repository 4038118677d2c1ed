"""Neural networks: ONNX files run by onnxruntime on one thread, loaded once a process."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SetupError

if TYPE_CHECKING:
    import onnxruntime


@functools.cache
def session(path: Path) -> onnxruntime.InferenceSession:
    """The network in `path`, ready to run. Raises `SetupError` when the file is missing."""
    # Loading it starts a thread, which a process that workers are forked from must not have.
    import onnxruntime

    if not path.is_file():
        raise SetupError(f"Il manque les poids d'un moteur de lecture : {path.name}.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Images differ in size from call to call: an arena would keep the largest ever asked for.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@functools.cache
def packaged(pattern: str) -> Path:
    """The one weights file of the installed rapidocr package whose name fits `pattern`.

    Raises `SetupError` when the package lacks it.
    """
    # The package itself is never imported: only its weights are needed.
    spec = importlib.util.find_spec("rapidocr")
    folders = spec.submodule_search_locations if spec else None
    found = sorted(path for folder in folders or () for path in Path(folder).glob(pattern))
    if not found:
        raise SetupError("Les poids de RapidOCR manquent : réinstallez l'application.")
    return found[-1]
