"""Chat templates in the style of published ones, written for these tests, and templates with a fault."""

from __future__ import annotations

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
#: Each is accepted by both engines.
GOOD = {
    "chatml": CHATML,
    "plain": "{{ messages[0].content }}",
    "llama 2": (
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
        "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
        "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>' + system_message %}"
        "{% else %}{% set content = message['content'] %}{% endif %}"
        "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% endfor %}"
    ),
    "llama 3": (
        "{{- bos_token }}\n{%- if custom_tools is defined %}\n    {%- set tools = custom_tools %}\n{%- endif %}\n"
        "{%- if not date_string is defined %}\n    {%- if strftime_now is defined %}\n"
        '        {%- set date_string = strftime_now("%d %b %Y") %}\n    {%- else %}\n'
        '        {%- set date_string = "26 Jul 2024" %}\n    {%- endif %}\n{%- endif %}\n'
        "{%- for message in messages %}\n    {%- if not (message.role == 'ipython' or 'tool_calls' in message) %}\n"
        "        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}\n"
        "        {{- message['content'] | trim }}\n"
        "    {%- elif 'tool_calls' in message %}\n        {%- if not message.tool_calls|length == 1 %}\n"
        '            {{- raise_exception("This model only supports single tool-calls!") }}\n        {%- endif %}\n'
        "        {%- set tool_call = message.tool_calls[0].function %}\n"
        "        {{- '{\"name\": \"' + tool_call.name + '\", ' }}\n        {{- tool_call.arguments | tojson }}\n"
        "    {%- endif %}\n{%- endfor %}\n"
    ),
    "qwen 2.5": (
        "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {%- for tool in tools %}\n"
        '        {{- "\\n" }}\n        {{- tool | tojson }}\n    {%- endfor %}\n{%- endif %}\n'
        "{%- for message in messages %}\n"
        '    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}\n'
        "        {{- '<|im_start|>' + message.role + '\\n' + message.content }}\n"
        '    {%- elif message.role == "tool" %}\n'
        '        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}\n'
        "            {{- '<|im_start|>user' }}\n        {%- endif %}\n    {%- endif %}\n{%- endfor %}\n"
    ),
    "qwen 3": (
        "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}\n"
        "{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n"
        '    {%- if ns.multi_step_tool and message.role == "user" and message.content is string %}\n'
        "        {%- set ns.multi_step_tool = false %}\n        {%- set ns.last_query_index = index %}\n"
        "    {%- endif %}\n{%- endfor %}\n{%- for message in messages %}\n"
        "    {%- if message.reasoning_content is string %}\n"
        "        {%- set reasoning = message.reasoning_content %}\n    {%- else %}\n"
        "        {%- if '</think>' in message.content %}\n"
        "            {%- set reasoning = message.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1] %}\n"
        "        {%- endif %}\n    {%- endif %}\n    {{- message.content }}\n{%- endfor %}\n"
        "{%- if enable_thinking is defined and enable_thinking is false %}\n"
        "    {{- '<think>\\n\\n</think>\\n\\n' }}\n{%- endif %}\n"
    ),
    "phi 3": (
        "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}"
        "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}"
        "{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
    ),
    "phi 4": (
        "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] "
        "is not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] }}"
        "{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    ),
    "mistral": (
        '{%- if messages[0]["role"] == "system" %}\n    {%- set system_message = messages[0]["content"] %}\n'
        "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n    {%- set loop_messages = messages %}\n"
        '{%- endif %}\n{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}\n'
        '{{- bos_token }}\n{%- for message in loop_messages | rejectattr("role", "equalto", "tool") %}\n'
        '    {%- if message.tool_calls is defined and message.tool_calls is not none and message["role"] == "x" %}\n'
        "        {%- for tool_call in message.tool_calls %}\n"
        "            {%- set out = tool_call.function|tojson %}\n            {{- out[:-1] }}\n"
        "        {%- endfor %}\n    {%- endif %}\n    {{- '[INST]' + message.content }}\n{%- endfor %}\n"
    ),
    "gemma": (
        "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'assistant') %}"
        "{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    ),
    "gemma 3": (
        "{%- for message in messages -%}\n    {%- if message['content'] is string -%}\n"
        "        {{ message['content'] | trim }}\n    {%- elif message['content'] is iterable -%}\n"
        "        {%- for item in message['content'] -%}\n            {%- if item['type'] == 'image' -%}\n"
        "                {{ '<start_of_image>' }}\n            {%- endif -%}\n"
        "        {%- endfor -%}\n    {%- else -%}\n"
        '        {{ raise_exception("Invalid content type") }}\n    {%- endif -%}\n{%- endfor -%}\n'
    ),
    "deepseek r1": (
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
        "{% set ns = namespace(is_first=false, is_tool=false, system_prompt='') %}{%- for message in messages %}"
        "{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}"
        "{%- endfor %}{{ns.system_prompt}}{%- for message in messages %}{% set content = message['content'] %}"
        "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
        "{{'<｜User｜>' + content}}{%- endfor -%}"
    ),
    "gpt-oss": (
        "{%- macro render_type(spec, required, is_nullable=false) -%}\n    {%- if spec.type == 'array' -%}\n"
        '        {{- "any[]" }}\n    {%- elif spec.type is iterable and spec.type is not string -%}\n'
        "        {{- spec.type | join(' | ') }}\n    {%- endif -%}\n{%- endmacro -%}\n"
        "{%- macro system() -%}\n    {{- 'Current date: ' + strftime_now(\"%Y-%m-%d\") + '\\n' }}\n"
        "{%- endmacro -%}\n{{- system() }}\n{%- for message in messages -%}\n"
        '    {{- "<|start|>" + message.role + "<|message|>" + message.content + "<|end|>" }}\n'
        "    {%- if tools -%}{{- render_type(tools[0], []) }}{%- endif -%}\n{%- endfor -%}\n"
    ),
    "granite": (
        "{%- for message in messages %}\n    {%- if message.role == 'tool' %}{% continue %}{% endif %}\n"
        "    {{- message.content }}\n    {%- if loop.index > 100 %}{% break %}{% endif %}\n{%- endfor %}\n"
    ),
    "generation": (
        "{% for message in messages %}{% if message.role == 'assistant' %}{% generation %}{{ message.content }}"
        "{% endgeneration %}{% else %}{{ message.content }}{% endif %}{% endfor %}"
    ),
    "command r": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% elif false == true %}{% set loop_messages = messages %}{% else %}"
        "{% set loop_messages = messages %}{% endif %}"
        "{% for message in loop_messages %}{% set content = message['content'] %}"
        "{{ '<|START_OF_TURN_TOKEN|>' + content.strip() }}{% endfor %}"
    ),
    "json": "{% for m in messages %}{% if tools %}{{ tools | tojson(indent=2) }}{% endif %}{{ m.content }}{% endfor %}",
    "call": (
        "{% macro turn(role) %}[{{ role }}]{{ caller() }}{% endmacro %}{% for m in messages %}{% call turn(m.role) %}"
        "{{ m.content }}{% endcall %}{% endfor %}"
    ),
    "items": (
        "{% for m in messages %}{% for key, value in m.items() %}{{ key ~ ': ' ~ value }}{% endfor %}{% endfor %}"
    ),
    "comment": "{# a comment with {{ this }} and {% that %} #}\n{% for m in messages %}{{ m.content }}{% endfor %}",
    "stray brackets": "{% for m in messages %}{{ m.content }} }} %} #}{% endfor %}",
    "filter in if": "{% for m in messages %}{% if m.x %}{{ m.x | no_filter }}{% endif %}{{ m.content }}{% endfor %}",
    "filter in else": "{{ messages[0].content if messages[0].content else messages | no_such_filter }}",
    "filter block": "{% filter upper %}x{% endfilter %}{{ messages[0].content }}",
    "set block": "{% set text %}{{ messages[0].content }}{% endset %}{{ text }}",
    "loop filter": "{% for m in messages if m.role == 'user' %}{{ m.content }}{% else %}none{% endfor %}",
    "dictionary": '{% set names = {"user": "User", "x": [1, 2.5, none]} %}{{ names["user"] ~ messages[0].content }}',
    "slices": "{{ messages[0:1][0].content ~ messages[-1].content[1:-1] }}",
    "arithmetic": "{{ messages[0].content ~ (1 + 2 * 3 - 4 // 2 ** 2) % 5 }}",
    "white space": "{%- set x = 1 -%}  {{- messages[0].content -}}  {%+ if x %}a{% endif %}",
    "tests": (
        "{% if messages is iterable and messages is not mapping and x is not defined %}"
        "{{ messages[0].content }}{% endif %}"
    ),
    "not ascii": "{% for m in messages %}{{ '用户：' + m.content + '“”' }}{% endfor %}",
    "windows": "{% for m in messages %}\r\n{{ m.content }}\r\n{% endfor %}\r\n",
}
#: A template, the line that Jinja names, and the beginning of its sentence.
BAD = {
    "no endfor": ("{% for m in messages %}{{ m.content }}", 1, "Unexpected end of template"),
    "no endif": (
        "{% for m in messages %}\n{% if m %}\n{{ m }}\n{% endfor %}",
        4,
        "Encountered unknown tag 'endfor'",
    ),
    "bracket": ("{% for m in messages %}\n{{ m['content'] }\n{% endfor %}", 2, "unexpected '}'"),
    "subscript": (
        "{% for m in messages %}\n{{ m['content' }}\n{% endfor %}",
        2,
        "unexpected '}', expected ']'",
    ),
    "second endif": ("{{ x }}\n\n{% endif %}", 3, "Encountered unknown tag 'endif'"),
    "elseif": ("{% if x %}a{% elseif y %}b{% endif %}", 1, "Encountered unknown tag 'elseif'"),
    "quotation mark": ("{{ 'abc }}", 1, "unexpected char"),
    "typographic quotation marks": ("{{ “x” }}", 1, "unexpected char '“'"),
    "assignment": ("{% if x = 1 %}a{% endif %}", 1, "expected token 'end of statement block', got '='"),
    "and": ("{% if x && y %}a{% endif %}", 1, "unexpected char '&'"),
    "unknown tag": ("{% do x.append(1) %}", 1, "Encountered unknown tag 'do'"),
    "open comment": ("{# comment", 1, "Missing end of comment tag"),
    "empty": ("a\n{{ }}", 2, "Expected an expression"),
    "lambda": ("{{ messages | map(lambda m: m.content) }}", 1, "expected token"),
    "cut off": (CHATML[: len(CHATML) // 2], 1, ""),
}
