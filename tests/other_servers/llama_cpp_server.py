"""llama.cpp's server with a small random model; prints its address, ends with its input.

Run by a Python that has `xllamacpp` and `gguf`: `python llama_cpp_server.py FOLDER PORT`.
"""

import sys
from pathlib import Path

import gguf
import numpy
import xllamacpp

SIZE, HEADS, INNER = 64, 4, 128
CALL_TOKEN = b"<tool_call>\n"
"""One token begins a call, so that a bias of it (id 259) brings a random model to make one."""
TEMPLATE = """\
{%- if tools %}<|im_start|>system
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools><|im_end|>
{% endif -%}
{%- for message in messages %}
{%- if message.role == "tool" %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content or "" }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""The chat template of many models that call tools, so that the server knows their syntax."""


def write_model(path: Path) -> None:
    """A model of one layer whose tokens are bytes; it says nothing that means anything."""
    bytes_as_tokens = [b"<0x%02X>" % byte for byte in range(256)]
    tokens = [b"<unk>", b"<s>", b"</s>", *bytes_as_tokens, CALL_TOKEN]
    kinds = gguf.TokenType
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(8192)
    writer.add_embedding_length(SIZE)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(SIZE // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, kinds.USER_DEFINED]
    )
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    random = numpy.random.default_rng(1)
    shapes = {
        "token_embd": (len(tokens), SIZE),
        "output": (len(tokens), SIZE),
        **{f"blk.0.attn_{name}": (SIZE, SIZE) for name in ("q", "k", "v", "output")},
        "blk.0.ffn_gate": (INNER, SIZE),
        "blk.0.ffn_up": (INNER, SIZE),
        "blk.0.ffn_down": (SIZE, INNER),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", random.normal(0, 0.1, shape).astype(numpy.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", numpy.ones(SIZE, numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    model = Path(sys.argv[1]) / "random.gguf"
    write_model(model)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(sys.argv[2])
    parameters.n_ctx = 8192
    parameters.n_parallel = 1
    parameters.offline = True
    parameters.use_jinja = True
    parameters.warmup = False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
