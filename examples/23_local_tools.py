"""A shell and patches: the model looks at a file here, and mends it.

Its answers are scripted, so nothing is asked elsewhere: python examples/23_local_tools.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents_lite import Agent, ApplyPatchTool, FolderEditor, LocalShell, Runner, ShellTool
from agents_lite.testing import ScriptedModel

PROGRAM = "def half(x):\n    return x // 2\n\nassert half(3) == 1.5\n"
DIFF = "@@ def half(x):\n-    return x // 2\n+    return x / 2\n"
PATCH = {"type": "update_file", "path": "half.py", "diff": DIFF}


def shell_call(call_id: str, command: str) -> dict[str, Any]:
    return {"type": "shell_call", "call_id": call_id, "action": {"commands": [command]}}


def main() -> None:
    model = ScriptedModel(
        [
            shell_call("c1", "python3 half.py 2>&1 | tail -1"),
            {"type": "apply_patch_call", "call_id": "c2", "operation": PATCH},
            shell_call("c3", "python3 half.py && echo passes"),
            "The division dropped the remainder; it does not any more.",
        ]
    )
    with TemporaryDirectory() as folder:
        Path(folder, "half.py").write_text(PROGRAM)
        shell = ShellTool(LocalShell(folder, timeout=20))
        editor = ApplyPatchTool(FolderEditor(folder))
        agent = Agent(name="Mender", model=model, tools=[shell, editor])
        result = Runner.run_sync(agent, "half.py fails. Mend it.")
    for item in result.new_items:
        if item.type == "tool_call_output_item":
            told = item.raw_item["output"]
            print(told if isinstance(told, str) else told[0]["stdout"].strip())
    print(result.final_output)


if __name__ == "__main__":
    main()

# Output:
# AssertionError
# Updated half.py
# passes
# The division dropped the remainder; it does not any more.
