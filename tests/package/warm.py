"""Commands without their start-up: a process that has imported the heavy libraries and forks for each command.

``python warm.py SOCKET`` serves; ``python warm.py SOCKET NAME ARGUMENT…`` runs the console script NAME in a fork, with
the caller's folder, environment, input and output, and ends with its exit code.  Nothing of LoRAFair is imported
before the fork, and each fork looks at what is installed anew, as a new process would.
"""

import array
import importlib
import json
import os
import socket
import sys


def serve(place: str) -> None:
    for name in ("torch", "transformers", "peft", "datasets", "lm_eval.evaluator", "pandas", "scipy.stats"):
        importlib.import_module(name)
    server = socket.socket(socket.AF_UNIX)
    server.bind(place)
    server.listen()
    while True:
        caller, _ = server.accept()
        if os.fork() == 0:
            server.close()
            answer(caller)
        caller.close()
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    break
            except ChildProcessError:
                break


def answer(caller: socket.socket) -> None:
    """Run one command in a child of this fork, tell the caller its exit code, and end."""
    size = array.array("i").itemsize
    message, extra, _, _ = caller.recvmsg(1 << 20, socket.CMSG_SPACE(3 * size))
    files = array.array("i")
    files.frombytes(extra[0][2][: 3 * size])
    asked = json.loads(message)
    child = os.fork()
    if child == 0:
        caller.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        run(asked["command"])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    caller.sendall(json.dumps(code).encode())
    os._exit(0)


def run(command: list[str]) -> None:
    """The console script that an installed distribution declares under ``command[0]``."""
    import site
    import sysconfig
    from importlib import metadata

    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    site.addsitedir(sysconfig.get_path("purelib"))
    importlib.invalidate_caches()
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate("rww"))  # noqa: SIM115
    code = 0
    try:
        (script,) = metadata.entry_points(group="console_scripts", name=command[0])
        sys.argv = command
        sys.exit(script.load()())
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def ask(place: str, command: list[str]) -> int:
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(place)
    message = {"folder": os.getcwd(), "environment": dict(os.environ), "command": command}
    files = array.array("i", [0, 1, 2])
    caller.sendmsg([json.dumps(message).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
    return int(json.loads(caller.recv(1 << 10) or b"1"))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
