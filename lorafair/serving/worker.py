"""The child process that holds an engine: ``python -m lorafair.serving.worker FD PARENT`` (started by session.py)."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from lorafair.collection import collect_rarely


def watch_parent(parent: int) -> None:
    """End this process and its group as soon as ``parent`` is gone: nobody would read the answers."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def serve(pipe: Connection) -> None:
    """Make the engine that the first message names, then answer each list of requests until the pipe closes.

    Messages in: ``("serve", engine, base, checkpoints, settings)``, ``("start",)``, ``("ask", requests)``.  Out:
    ``("answer", key, answer)``, ``("done", remarks)``, ``("refused", label, why)``, ``("fault", message)`` for what the
    user can mend, ``("died", message)`` when the engine cannot go on.
    """
    from lorafair.engines.contract import CheckpointRefused
    from lorafair.errors import LorafairError
    from lorafair.routing import load_engine

    engine: Any = None
    try:
        while True:
            kind, *facts = pipe.recv()
            try:
                if kind == "serve":
                    name, base, checkpoints, settings = facts
                    engine = load_engine(name)(base, checkpoints, settings)
                    engine.warm()
                    continue
                if kind == "start":
                    engine.start()
                    continue
                for request, answer in engine.ask(facts[0]):
                    pipe.send(("answer", request.key, answer))
                pipe.send(("done", list(getattr(engine, "remarks", ()))))
            except CheckpointRefused as error:
                pipe.send(("refused", error.label, str(error)))
            except LorafairError as error:
                pipe.send(("fault", str(error)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except Exception as error:
        pipe.send(("died", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"))
        raise
    finally:
        if engine is not None and _has_children():
            engine.close()


def _has_children() -> bool:
    """Whether the engine runs in further processes, which have to be told to end; what is in this one just ends."""
    import psutil

    return bool(psutil.Process().children())


def main() -> None:
    """Serve on the inherited file descriptor named on the command line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent(int(sys.argv[2]))
    collect_rarely()
    serve(Connection(int(sys.argv[1])))
    os._exit(0)


if __name__ == "__main__":
    main()
