"""FunASR's own servers with the tiny models of tests/models, in this process: `python -m ...official realtime en`.

In place of realtime may stand the path of a funasr_wss_server.py of FunASR's repository, and zh in place of en. It
prints its port.

Nothing of a server is changed, but for where it finds its models and where it listens: at a free port of 127.0.0.1, to
which all sockets are held. The realtime one wants Fun-ASR-Nano in vLLM, and hears with a Paraformer instead.
"""

import asyncio
import inspect
import runpy
import socket
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import websockets

MODELS = Path(__file__).parents[2] / "models"


def keep_to_loopback() -> None:
    """Let no socket connect to anywhere else."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"{address} is outside")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]


class _Served:
    """What `websockets.serve` returned before it wanted a loop to run: to be awaited, or entered."""

    def __init__(self, serve: Callable[[], Any]) -> None:
        self._serve = serve

    def __await__(self) -> Generator[Any, None, Any]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Any:
        return await self._serve()

    async def __aexit__(self, *_: object) -> None:
        """The process ends with it."""


def listen_here() -> None:
    """Let `websockets.serve` listen at a free port of this machine whatever it is asked for, and say which."""
    serve = websockets.serve

    def at_a_free_port(handler: Any, *_: object, **options: Any) -> Any:
        listening = socket.create_server(("127.0.0.1", 0))
        sys.stdout.write(f"port {listening.getsockname()[1]}\n")
        sys.stdout.flush()
        # Before websockets 14 a handler was given the path, too; FunASR's older servers still want it.
        wanted = [each for each in inspect.signature(handler).parameters.values() if each.default is each.empty]
        given = (lambda ws: handler(ws, "/")) if len(wanted) == 2 else handler
        return _Served(lambda: serve(given, sock=listening, **options))

    websockets.serve = at_a_free_port


def model(name: str) -> Any:
    """A tiny model as FunASR loads it."""
    from funasr import AutoModel

    quiet = {"disable_update": True, "disable_pbar": True, "disable_log": True}
    return AutoModel(model=str(MODELS / name), device="cpu", ncpu=1, **quiet)


class Nano:
    """What funasr.bin.realtime_ws uses of Fun-ASR-Nano in vLLM."""

    class tokenizer:  # noqa: N801
        encode, decode = staticmethod(str.split), staticmethod(lambda tokens, **_: " ".join(tokens))

    def __init__(self, ending: str) -> None:
        self._model = model(f"paraformer-offline{ending}")
        self._engine = self

    def generate(self, inputs: Sequence[torch.Tensor], **_: object) -> list[Mapping[str, str]]:
        return [self._model.generate(input=audio.numpy())[0] for audio in inputs]


def run_realtime(ending: str) -> None:
    from funasr.bin import realtime_ws

    # Where these are loaded already it loads none.
    realtime_ws._vllm_engine = realtime_ws.RealtimeBatchingEngine(Nano(ending))
    realtime_ws._asr_kwargs = {}
    realtime_ws._vad_model = model("fsmn-vad")
    asyncio.run(realtime_ws.main(realtime_ws.build_arg_parser().parse_args(["--device", "cpu"])))


def run_runtime(script: str, ending: str) -> None:
    import funasr

    load = funasr.AutoModel
    names = {"paraformer-zh": f"paraformer-offline{ending}", "iic/speech_campplus_sv_zh-cn_16k-common": "fsmn-vad"}

    def load_tiny(model: str, **options: Any) -> Any:
        options.pop("model_revision", None)
        return load(model=str(MODELS / names.get(model, model)), **{**options, "disable_update": True})

    funasr.AutoModel = load_tiny
    models = {
        "--asr_model": f"paraformer-offline{ending}",
        "--asr_model_online": f"paraformer-streaming{ending}",
        "--vad_model": "fsmn-vad",
        # It knows English only.
        "--punc_model": "" if ending else "ct-punc",
    }
    others = {"--device": "cpu", "--ngpu": "0", "--ncpu": "1", "--certfile": "", "--keyfile": ""}
    sys.argv = [script, *(word for pair in (models | others).items() for word in pair)]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_to_loopback()
    listen_here()
    _, wanted, language = sys.argv
    of_language = "" if language == "en" else f"-{language}"
    run_realtime(of_language) if wanted == "realtime" else run_runtime(wanted, of_language)
