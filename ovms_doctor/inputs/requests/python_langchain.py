"""The requests of LangChain's classes for OpenAI's API (langchain_openai)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ovms_doctor.inputs.requests.python_http import Requests
from ovms_doctor.inputs.requests.python_openai import openai_create
from ovms_doctor.inputs.requests.python_values import (
    ClientError,
    ClientRefusalError,
    Instance,
    Unknown,
    dict_of,
    is_undetermined,
    list_of,
    text_of,
)

Call = Callable[[list[Any], dict[str, Any], Requests], Any]
_CHAT, _COMPLETION, _EMBEDDINGS = "langchain.ChatOpenAI", "langchain.OpenAI", "langchain.OpenAIEmbeddings"
#: The result of the operator | with a model or a prompt.
CHAIN = "langchain.chain"
#: The parameters of a chat model that are members of the body if they are set.
_CHAT_PARAMETERS = (
    "presence_penalty", "frequency_penalty", "seed", "top_p", "logprobs", "top_logprobs", "logit_bias", "stop",
    "extra_body", "n", "temperature", "reasoning_effort",
)  # fmt: skip
#: The members that a completion model always sends, with their defaults.
_COMPLETION_DEFAULTS = {
    "temperature": 0.7,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "n": 1,
    "max_tokens": 256,
}
_ROLES = {
    "human": "user", "user": "user", "ai": "assistant", "assistant": "assistant", "system": "system",
    "developer": "developer",
}  # fmt: skip
_MESSAGES = {"HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system"}
_TOKENS = (
    "OpenAIEmbeddings sends the token numbers of OpenAI's tokenizer instead of the texts. The model takes them for "
    "tokens of its own and its embeddings are wrong: set check_embedding_ctx_length=False."
)


def _make(kind: str) -> Call:
    def call(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        return Instance(kind, dict(keywords))

    return call


def _message(role: str) -> Call:
    def call(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        return {"content": keywords.get("content", arguments[0] if arguments else None), "role": role}

    return call


def _chat_model(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    """Handles `init_chat_model("openai:MODEL")`."""
    model = keywords.get("model", arguments[0] if arguments else None)
    provider = keywords.get("model_provider")
    if isinstance(model, str) and model.startswith("openai:"):
        provider, model = "openai", model.partition(":")[2]
    if provider != "openai":
        raise ClientError("the provider of init_chat_model is not openai")
    return Instance(_CHAT, {**keywords, "model": model})


LANGCHAIN_CALLS: dict[str, Call] = {
    **{
        f"{package}.{name}": _make(kind)
        for package in (
            "langchain_openai", "langchain_openai.chat_models", "langchain_openai.embeddings", "langchain_openai.llms",
            "langchain_community.chat_models", "langchain_community.embeddings", "langchain_community.llms",
            "langchain.chat_models", "langchain.embeddings", "langchain.llms",
        )
        for name, kind in (("ChatOpenAI", _CHAT), ("OpenAI", _COMPLETION), ("OpenAIEmbeddings", _EMBEDDINGS))
    },
    **{
        f"{package}.{name}": _message(role)
        for package in ("langchain_core.messages", "langchain.messages", "langchain.schema")
        for name, role in _MESSAGES.items()
    },
    "langchain.chat_models.init_chat_model": _chat_model,
}  # fmt: skip


def langchain_call(
    model: Instance, name: str, arguments: list[Any], keywords: dict[str, Any], sent: Requests
) -> tuple[bool, Any]:
    """Returns whether a method sends a request, and its result. Raises ClientError if the request is not known."""
    name = name.removeprefix("a")
    prompt = arguments[0] if arguments else keywords.get("input")
    if model.kind == CHAIN or name in ("bind_tools", "with_structured_output"):
        refused = "a chain" if model.kind == CHAIN else name
        raise ClientError(f"{refused} of langchain is not evaluated; give the call of the model itself")
    if model.kind == _EMBEDDINGS:
        if name not in ("embed_query", "embed_documents"):
            return False, None
        texts = arguments[0] if arguments else keywords.get("text", keywords.get("texts"))
        return True, _embed(model, [texts] if name == "embed_query" else texts, sent)
    if name == "bind":
        return True, Instance(model.kind, {**model.attributes, **keywords})
    if name not in ("invoke", "stream", "predict"):
        return False, None
    further = {key: value for key, value in keywords.items() if key not in ("input", "config")}
    return True, _generate(model, prompt, name == "stream", further, sent)


def _generate(model: Instance, prompt: Any, streams: bool, further: dict[str, Any], sent: Requests) -> Any:
    attributes = model.attributes
    is_streaming = streams or attributes.get("streaming") is True
    named = attributes.get("model", attributes.get("model_name"))
    if model.kind == _COMPLETION:
        if is_undetermined(prompt):
            raise ClientError("the prompt of the model is not known")
        fields = {key: attributes.get(key, value) for key, value in _COMPLETION_DEFAULTS.items()}
        fields = {"model": named, **fields, **dict_of(attributes.get("model_kwargs")), **further}
        # A prompt is sent as one of a list, unless the answer is streamed.
        fields.update({"prompt": prompt, "stream": True} if is_streaming else {"prompt": [prompt]})
        return _send(model, "completions", fields, sent)
    fields = {"messages": _messages(prompt), "model": named, "stream": is_streaming}
    fields.update(
        {
            key: attributes[key]
            for key in _CHAT_PARAMETERS
            if attributes.get(key) is not None and attributes[key] != []
        }
    )
    limit = attributes.get("max_completion_tokens", attributes.get("max_tokens"))
    if limit is not None:
        fields["max_completion_tokens"] = limit
    return _send(
        model, "chat/completions", {**fields, **dict_of(attributes.get("model_kwargs")), **further}, sent
    )


def _messages(prompt: Any) -> Any:
    """Returns the messages of an input: a text, or a list of messages. Raises ClientError for any other one."""
    if isinstance(prompt, str):
        return [{"content": prompt, "role": "user"}]
    items = list_of(prompt)
    if items is None:
        raise ClientError("the messages for the model are not known")
    messages: list[Any] = []
    for item in items:
        if isinstance(item, str):
            messages.append({"content": item, "role": "user"})
        elif isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str):
            messages.append({"content": item[1], "role": _role(item[0])})
        elif isinstance(item, dict) and isinstance(item.get("role"), str):
            messages.append({**item, "role": _role(item["role"])} if item["role"] in _ROLES else item)
        else:
            messages.append(item if is_undetermined(item) else Unknown("a message"))
    return messages


def _role(name: str) -> str:
    if name not in _ROLES:
        raise ClientRefusalError(
            f"langchain raises ValueError before anything is sent: unexpected message type {name}"
        )
    return _ROLES[name]


def _embed(model: Instance, texts: Any, sent: Requests) -> Any:
    attributes = model.attributes
    items = list_of(texts)
    as_tokens = (
        attributes.get("check_embedding_ctx_length", True) is not False
        and attributes.get("tiktoken_enabled", True) is not False
    )
    fields: dict[str, Any] = {"input": texts, "model": attributes.get("model")}
    if as_tokens:
        # The numbers need OpenAI's table of tokens. Only their number and size are not right here.
        fields["input"] = [[1] for _ in items or [""]]
    if attributes.get("dimensions") is not None:
        fields["dimensions"] = attributes["dimensions"]
    fields.update(dict_of(attributes.get("model_kwargs")))
    result = _send(model, "embeddings", fields, sent)
    if as_tokens:
        sent[-1] = replace(sent[-1], notes=(*sent[-1].notes, _TOKENS))
    return result


def _send(model: Instance, endpoint: str, fields: dict[str, Any], sent: Requests) -> Any:
    attributes = model.attributes
    client = Instance(
        "openai.OpenAI",
        {
            "base_url": attributes.get("base_url", attributes.get("openai_api_base")),
            "api_key": text_of(attributes.get("api_key", attributes.get("openai_api_key"))),
            "default_headers": attributes.get("default_headers"),
        },
    )
    return openai_create(client, "create", endpoint, [], fields, sent)
