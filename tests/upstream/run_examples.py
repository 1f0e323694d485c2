"""Runs the examples of a checkout of the OpenAI Agents SDK, with only the import name changed.

Not collected with the tests. The stand-in answers; nothing of the checkout is changed or kept:

    python tests/upstream/run_examples.py CHECKOUT [NAME ...]
    path/to/python tests/upstream/run_examples.py CHECKOUT --original

The second form runs them as they are, on the SDK that is installed for that Python: those that end
well there are the ones to compare with. NAME picks examples by a part of their path.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agents_lite.local_server.messages import HTTPReply, HTTPRequest, json_reply
from agents_lite.testing import ResponsesServer

IMPORT = re.compile(r"^(\s*)(from|import) agents\b", re.MULTILINE)
SECONDS = 60
FAULT = re.compile(r"'\w+' object (is not|has no|can't be) .*|.* unexpected keyword argument .*")
"""What a program says that ran on, where the model was told of what is missing here."""
TYPED = "Hello, what is the weather in Tokyo?\nyes\nWhat is 2 plus 3?\n"
LEFT_OUT = ("sandbox", "realtime", "voice", "run_examples", "server.py", "app.py")
"""Parts of paths: what there is not on purpose, and helpers of other examples."""


class Upstream(ResponsesServer):
    """The stand-in, and as much of the API beside it as the examples ask for."""

    def _route(self, request: HTTPRequest) -> HTTPReply:
        path = request.path.removeprefix("/v1/")
        if path == "responses/compact":
            return json_reply(
                {
                    "id": "resp_compact",
                    "object": "response.compaction",
                    "created_at": 0,
                    "output": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}],
                    "usage": {
                        "input_tokens": 1,
                        "output_tokens": 1,
                        "total_tokens": 2,
                        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                        "output_tokens_details": {"reasoning_tokens": 0},
                    },
                }
            )
        if path.split("/")[0] in ("files", "vector_stores"):
            return json_reply(
                {
                    "id": "file-1",
                    "object": path.split("/")[0].removesuffix("s"),
                    "status": "completed",
                    "created_at": 0,
                    "filename": "f",
                    "bytes": 1,
                    "purpose": "assistants",
                }
            )
        return super()._route(request)


def copy_examples(checkout: Path, target: Path, original: bool) -> None:
    """The examples, with the other import name unless they are to stay as they are."""
    shutil.copytree(checkout / "examples", target / "examples")
    if original:
        return
    for path in target.rglob("*.py"):
        text = path.read_text("utf-8")
        text = IMPORT.sub(lambda found: f"{found[1]}{found[2]} agents_lite", text)
        path.write_text(text.replace("import agents_lite\n", "import agents_lite as agents\n"))


def programs(folder: Path, wanted: list[str]) -> list[str]:
    """The modules that can be run, as for `python -m`."""
    paths = [
        path.relative_to(folder)
        for path in sorted((folder / "examples").rglob("*.py"))
        if "__main__" in path.read_text("utf-8")
    ]
    return [
        ".".join(path.with_suffix("").parts)
        for path in paths
        if not any(part in str(path) for part in LEFT_OUT)
        and (not wanted or any(part in str(path) for part in wanted))
    ]


def run(module: str, folder: Path, environment: dict[str, str]) -> tuple[str, str]:
    """"" for a good end, else what went wrong; and all that was printed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            cwd=folder,
            env=environment,
            input=TYPED,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        return "took too long", str(error.stdout) + str(error.stderr)
    printed = done.stdout + done.stderr
    last = (done.stderr.strip().splitlines() or [""])[-1]
    ended = done.returncode == 0 or last.startswith("EOFError")  # a chat, with no more to say
    fault = FAULT.search(printed)
    if ended and fault:
        return f"a tool failed: {fault[0]}", printed
    return ("" if ended else last or f"exit code {done.returncode}"), printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--original", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what each one prints")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Upstream() as server:
        copy_examples(options.checkout, Path(folder), options.original)
        environment = {
            **os.environ,
            "EXAMPLES_INTERACTIVE_MODE": "auto",
            "OPENAI_API_KEY": "sk-any",
            "OPENAI_BASE_URL": server.base_url,
            "EXAMPLE_BASE_URL": server.base_url,
            "EXAMPLE_API_KEY": "sk-any",
            "EXAMPLE_MODEL_NAME": "any",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "PYTHONUNBUFFERED": "1",
            "HOME": folder,
            "npm_config_cache": os.path.expanduser("~/.npm"),
            "npm_config_userconfig": os.path.expanduser("~/.npmrc"),
        }
        modules = programs(Path(folder), options.names)
        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(lambda each: run(each, Path(folder), environment), modules))
    report(modules, ends, options.show)


def report(modules: list[str], ends: list[tuple[str, str]], show: bool) -> None:
    causes: dict[str, list[str]] = defaultdict(list)
    for module, (wrong, printed) in zip(modules, ends, strict=True):
        print(f"{'FAIL' if wrong else 'ok  '} {module.removeprefix('examples.')}  {wrong[:200]}")
        causes[wrong].append(module)
        if show:
            print(printed)
    print(f"{len(causes.get('', ()))} of {len(modules)} end well")


if __name__ == "__main__":
    main()
