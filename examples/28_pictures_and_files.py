"""Pictures and files in a question, and long outputs of tools that are shown shortened later on.

The model's answers are scripted, so nothing is asked elsewhere:
python examples/28_pictures_and_files.py
"""

from agents_lite import (
    Agent,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
    input_file,
    input_image,
)
from agents_lite.extensions import ToolOutputTrimmer
from agents_lite.testing import ScriptedModel, call

GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00"


@function_tool
def read_log(day: str) -> str:
    """Read the log of a day."""
    return "\n".join(f"{day} {minute:02}: all is well" for minute in range(60))


def kept_output(session: SQLiteSession) -> str:
    return next(item["output"] for item in session.get_items() if "output" in item)


def main() -> None:
    answers = ["A white dot.", call("read_log", day="Monday"), "All was well.", "Yes."]
    model = ScriptedModel(answers)
    agent = Agent("Watch", model=model, tools=[read_log])
    session = SQLiteSession("pictures")
    trimmer = ToolOutputTrimmer(recent_turns=1, max_output_chars=200, preview_chars=60)
    config = RunConfig(call_model_input_filter=trimmer)

    question = {"type": "input_text", "text": "What is in the picture?"}
    notes = input_file(b"%PDF-1.7 nothing else", filename="notes.pdf")
    message = {"role": "user", "content": [question, input_image(GIF), notes]}
    for asked in ([message], "And in Monday's log?", "Are you sure?"):
        print(Runner.run_sync(agent, asked, session=session, run_config=config).final_output)

    first, last = model.requests[0].input[0], model.requests[-1].input
    print([part["type"] for part in first["content"]], first["content"][1]["image_url"][:22])
    [output] = [item["output"] for item in last if item.get("type") == "function_call_output"]
    print(f"{len(output)} characters are shown, {len(kept_output(session))} are kept")


if __name__ == "__main__":
    main()

# Output:
# A white dot.
# All was well.
# Yes.
# ['input_text', 'input_image', 'input_file'] data:image/gif;base64,
# 92 characters are shown, 1379 are kept
