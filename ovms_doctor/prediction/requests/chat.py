"""The required form of chat, completions and responses requests (llm/apis/openai_api_handler.cpp, 2026.3)."""

from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import GenerativeLimits
from ovms_doctor.prediction.requests.chat_images import image_fault, vision_only
from ovms_doctor.prediction.requests.chat_template import ONE_MESSAGE, template_refusal
from ovms_doctor.prediction.requests.json_values import (
    JsonArray,
    JsonItem,
    JsonLiteral,
    JsonNumber,
    JsonObject,
    JsonString,
    float_of,
    is_int,
    is_uint,
)
from ovms_doctor.prediction.requests.responses import check_responses_input, check_responses_reasoning
from ovms_doctor.prediction.requests.tokenize import CalculatorError, check_tokenize, is_tokenize_endpoint

_TEXT_ONLY = "This servable supports only text input, but image_url has been provided"
_MOST_STOP_WORDS = 16
#: `max_tokens_limit` of a graph without it, until 2025.0 (llm_calculator.proto).
_DEFAULT_TOKENS_LIMIT = 4096
#: The most tokens with ignore_eos, until 2025.0.
_MOST_IGNORING_EOS = 4000
#: The characters of one token, at least: the longest prompt that certainly fits has a third of them.
_CHARACTERS_PER_TOKEN = 3


def check_generation(
    path: str, body: bytes, document: JsonObject, limits: GenerativeLimits, release: Release
) -> list[str]:
    """Check a request to a text generation graph; return the doubts that remain. Raises CalculatorError."""
    endpoint = _endpoint(path, release)
    if limits.vision and endpoint == "completions" and release.at_least(2025, 1):
        raise CalculatorError(vision_only(release), "", None)
    if endpoint == "tokenize":
        check_tokenize(body, document, release)
        return []
    checks = _Generation(endpoint, body, document, limits, release)
    checks.common()
    if endpoint == "completions":
        checks.completions()
        characters = _length(document.find(b"prompt"))
    elif endpoint == "responses":
        checks.responses()
        characters = _length(document.find(b"input"))
    else:
        checks.chat()
        characters = _messages_length(document)
    checks.check_vision()
    checks.template()
    checks.length(characters)
    return checks.doubts


def _endpoint(path: str, release: Release) -> str:
    """Returns the endpoint of a path (`GenAiServable::loadRequest`). Raises CalculatorError for any other path."""
    if release.at_least(2026, 0) and is_tokenize_endpoint(path):
        return "tokenize"
    endpoint = path.rpartition("/v3/" if "/v3/" in path else "/v1/")[2].removeprefix("v1/")
    names: tuple[str, ...] = ("chat/completions", "completions")
    if release.at_least(2026, 2):
        names = (*names, "responses", "tokenize")
    if endpoint in names:
        return endpoint
    versions = "/v[13]" if release.at_least(2026, 3) else "/v3"
    allowed = ", ".join(f"{versions}/{name}" for name in names)
    raise CalculatorError(f"Wrong endpoint. Allowed endpoints: {allowed}", "", None)


def _length(value: JsonItem | None) -> int:
    return len(value.value.decode("utf-8", "replace")) if isinstance(value, JsonString) else 0


def _messages_length(document: JsonObject) -> int:
    messages = document.find(b"messages")
    items = messages.items if isinstance(messages, JsonArray) else ()
    return sum(_length(item.find(b"content")) for item in items if isinstance(item, JsonObject))


class _Generation:
    """One request, checked member by member in the server's order."""

    def __init__(
        self, endpoint: str, body: bytes, document: JsonObject, limits: GenerativeLimits, release: Release
    ) -> None:
        self.endpoint = endpoint
        self.body = body
        self.document = document
        self.limits = limits
        self.release = release
        self.stream = False
        self.echo = False
        self.ignore_eos = False
        self.max_tokens_limit = limits.max_tokens_limit
        if self.max_tokens_limit is None and not release.at_least(2025, 1):
            self.max_tokens_limit = _DEFAULT_TOKENS_LIMIT
        self.max_tokens: int | None = self.max_tokens_limit if release.at_least(2025, 1) else None
        #: The addresses of images, with their paths.
        self.images: list[tuple[JsonString, str]] = []
        self.doubts: list[str] = []

    def fail(self, text: str, name: str, value: JsonItem | None = None) -> CalculatorError:
        return CalculatorError(
            text, f"$.{name}" if name else "$", self.document.start if value is None else value.start
        )

    def load(self, url: JsonString, path: str) -> None:
        """Refuse an image that the server does not load."""
        fault = image_fault(url.c_string.decode("utf-8", "surrogateescape"), self.limits, self.release)
        if fault is None:
            return
        if self.limits.vision is None and "base64" not in fault:
            # The files and options of the server are not available.
            self.doubts.append("it is not known which images the server loads")
            return
        raise self.fail(fault, path, url)

    def check_vision(self) -> None:
        """Refuse images for a model without vision (`prepareInputs`, until 2026.2; since 2026.3
        `validateInputCompatibility`); since 2026.3 others are loaded only now."""
        if self.limits.vision is False and self.images and self.release.at_least(2025, 1):
            url, path = self.images[0]
            kind = "INVALID_ARGUMENT" if self.release.at_least(2026, 3) else "INTERNAL"
            raise CalculatorError(_TEXT_ONLY, f"$.{path}", url.start, kind)
        if self.release.at_least(2026, 3):
            for url, path in self.images:
                self.load(url, path)

    def template(self) -> None:
        """Refuse chat without a template that the server's engine accepts."""
        if self.endpoint == "completions":
            return
        messages = self.document.find(b"messages")
        refusal, doubt = template_refusal(
            self.limits, messages.size if isinstance(messages, JsonArray) else None
        )
        if refusal == ONE_MESSAGE:
            raise self.fail(refusal, "messages", messages)
        if refusal:
            raise self.fail(refusal, "")
        self.doubts += [doubt] if doubt else []

    def length(self, characters: int) -> None:
        """Refuse an answer that cannot fit the model (`prepareInputs`, since 2025.1; not for images until 2026.2)."""
        longest, most = self.limits.max_length, self.max_tokens or 0
        if longest is None or not self.release.at_least(2025, 1):
            return
        if self.limits.vision is not False and not self.release.at_least(2026, 3):
            return
        if most >= longest:
            # The prompt has one token at least.
            text = (
                f"Number of prompt tokens: … + max tokens value: {most} exceeds model max length: {longest}"
            )
            raise self.fail(text, "max_tokens", self.document.find(b"max_tokens"))
        if characters > longest:
            tokens = characters // _CHARACTERS_PER_TOKEN
            self.doubts.append(
                f"the prompt has {characters:,} characters, about {tokens:,} tokens; the model takes {longest:,}"
            )

    def get(self, name: str) -> JsonItem | None:
        """Returns a member that exists and is not null."""
        value = self.document.find(name.encode())
        return None if isinstance(value, JsonLiteral) and value.value is None else value

    def flag(self, name: str, text: str) -> bool | None:
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, JsonLiteral):
            raise self.fail(text, name, value)
        return value.value

    def number(
        self, name: str, low: float | None, high: float | None, range_text: str, *, open_end: bool = False
    ) -> None:
        value = self.get(name)
        if value is None:
            return
        if not isinstance(value, JsonNumber) or (value.integer is not None and not is_int(value)):
            raise self.fail(f"{name} is not a valid number", name, value)
        if low is None or high is None:
            return
        actual = float_of(self.body, value)
        if actual < low or actual > high or (open_end and actual >= high):
            raise self.fail(range_text, name, value)

    def unsigned(self, name: str, zero_text: str) -> int | None:
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, JsonNumber) or not is_uint(value):
            raise self.fail(f"{name} is not an unsigned integer", name, value)
        assert value.integer is not None
        if value.integer == 0:
            raise self.fail(zero_text, name, value)
        return value.integer

    def common(self) -> None:
        """Applies `parseCommonPart`."""
        self.stream = bool(self.flag("stream", "Stream is not bool"))
        self._stream_options()
        self.ignore_eos = bool(self.flag("ignore_eos", "ignore_eos accepts values true or false"))
        if self.endpoint != "responses":
            self._limit("max_tokens", inclusive=False)
        for name in ("frequency_penalty", "presence_penalty"):
            self.number(name, -2.0, 2.0, f"{name} out of range(-2.0, 2.0)")
        for name in ("repetition_penalty", "length_penalty"):
            self.number(name, None, None, "")
        self.number("temperature", 0.0, 2.0, "temperature out of range(0.0, 2.0)")
        self.number("top_p", 0.0, 1.0, "top_p out of range(0.0, 1.0)")
        if self.release.at_least(2026, 2):
            self.number("min_p", 0.0, 1.0, "min_p out of range [0.0, 1.0)", open_end=True)
        self._top_k()
        self._seed()
        self._stop()
        included = self.flag(
            "include_stop_str_in_output", "include_stop_str_in_output accepts values true or false"
        )
        if included is False and self.stream:
            text = "include_stop_str_in_output cannot be set to false if streaming is used"
            raise self.fail(text, "include_stop_str_in_output", self.get("include_stop_str_in_output"))
        self._several()

    def _stream_options(self) -> None:
        options = self.get("stream_options")
        if options is None:
            return
        if not self.stream:
            raise self.fail("stream_options provided, but stream not set to true", "stream_options", options)
        if not isinstance(options, JsonObject):
            raise self.fail("stream_options is not an object", "stream_options", options)
        usage = options.find(b"include_usage")
        if usage is not None and not (isinstance(usage, JsonLiteral) and usage.value is not None):
            text = "stream_options.include_usage is not a boolean"
            raise self.fail(text, "stream_options.include_usage", usage)
        if len(options.members) > (usage is not None):
            text = "Found unexpected stream options. Properties accepted in stream_options: include_usage"
            raise self.fail(text, "stream_options", options)

    def _limit(self, name: str, *, inclusive: bool) -> None:
        """Checks a number of tokens against the limit of the graph."""
        inclusive = inclusive and self.release.at_least(2025, 1)
        value = self.get(name) if inclusive else self.document.find(name.encode())
        if value is None:
            return
        if not isinstance(value, JsonNumber) or not is_uint(value):
            if isinstance(value, JsonNumber) and value.integer is not None and value.integer >= 2**32:
                raise self.fail(f"{name} value can't be greater than 4294967295", name, value)
            raise self.fail(f"{name} is not an unsigned integer", name, value)
        assert value.integer is not None
        limit = self.max_tokens_limit
        if limit is not None and (value.integer > limit or (not inclusive and value.integer == limit)):
            raise self.fail(f"{name} exceeds limit provided in graph config: {limit}", name, value)
        if self.ignore_eos and not self.release.at_least(2025, 1) and value.integer > _MOST_IGNORING_EOS:
            text = f"when ignore_eos is true {name} can not be greater than {_MOST_IGNORING_EOS}"
            raise self.fail(text, name, value)
        self.max_tokens = value.integer

    def _top_k(self) -> None:
        value = self.get("top_k")
        if value is None:
            return
        if not isinstance(value, JsonNumber) or not is_int(value):
            raise self.fail("top_k is not an integer", "top_k", value)
        assert value.integer is not None
        if self.release.at_least(2026, 2) and (value.integer < -1 or value.integer == 0):
            raise self.fail("top_k must be -1 (all tokens) or a positive integer", "top_k", value)

    def _seed(self) -> None:
        value = self.get("seed")
        if value is None:
            return
        if not self.release.at_least(2026, 2):
            if not isinstance(value, JsonNumber) or not is_uint(value):
                raise self.fail("seed is not an unsigned integer", "seed", value)
            return
        if not isinstance(value, JsonNumber) or value.integer is None:
            raise self.fail("seed is not an integer", "seed", value)
        if not 0 <= value.integer < 2**32:
            raise self.fail("seed out of range [0, 4294967295]", "seed", value)

    def _stop(self) -> None:
        value = self.get("stop")
        if value is None or isinstance(value, JsonString):
            return
        if not isinstance(value, JsonArray):
            raise self.fail("stop is not a string or array of strings", "stop", value)
        if value.size > _MOST_STOP_WORDS:
            raise self.fail(f"stop array must have no more than {_MOST_STOP_WORDS} strings", "stop", value)
        for index, item in enumerate(value.items):
            if not isinstance(item, JsonString):
                raise self.fail("stop array contains non string element", f"stop[{index}]", item)

    def _several(self) -> None:
        best = self.unsigned("best_of", "best_of value should be greater than 0")
        if best is not None:
            if best >= self.limits.best_of_limit:
                text = f"best_of exceeds limit provided in graph config: {self.limits.best_of_limit}"
                raise self.fail(text, "best_of", self.get("best_of"))
            if self.stream:
                raise self.fail("best_of cannot be used in streaming mode", "best_of", self.get("best_of"))
        several = self.unsigned("n", "n value should be greater than 0")
        if several is not None and (best or 1) < several:
            raise self.fail("n value cannot be greater than best_of", "n", self.get("n"))

    def completions(self) -> None:
        """Applies `parseCompletionsPart`."""
        prompt = self.document.find(b"prompt")
        if prompt is not None and not isinstance(prompt, JsonString):
            raise self.fail("prompt is not a string", "prompt", prompt)
        if not isinstance(prompt, JsonString) or not prompt.c_string:
            raise self.fail("prompt is missing", "prompt", prompt)
        logprobs = self.get("logprobs")
        if logprobs is not None:
            if not isinstance(logprobs, JsonNumber) or not is_int(logprobs):
                raise self.fail("logprobs accepts integer values", "logprobs", logprobs)
            if logprobs.integer != 1:
                raise self.fail("accepted logprobs value is currently 1 only", "logprobs", logprobs)
            if self.stream:
                raise self.fail("logprobs are not supported in streaming mode.", "logprobs", logprobs)
        echo = self.flag("echo", "echo accepts values true or false")
        if self.max_tokens == 0 and not echo:
            text = "max_tokens value should be greater than 0 unless echo is set"
            raise self.fail(text, "max_tokens", self.get("max_tokens"))

    def chat(self) -> None:
        """Applies `parseChatCompletionsPart`."""
        self._messages()
        self._tools()
        logprobs = self.flag("logprobs", "logprobs accepts values true or false")
        if logprobs and self.stream:
            text = "logprobs are not supported in streaming mode."
            raise self.fail(text, "logprobs", self.get("logprobs"))
        self._limit("max_completion_tokens", inclusive=True)
        if self.max_tokens == 0:
            raise self.fail("max_tokens value should be greater than 0", "max_tokens", self.get("max_tokens"))
        self._response_format()

    def responses(self) -> None:
        """Applies `parseResponsesPart` (openai_responses.cpp, since 2026.2)."""
        options = self.document.find(b"stream_options")
        if options is not None:
            raise self.fail("stream_options is not supported in Responses API.", "stream_options", options)
        self.images = check_responses_input(self.document, self.release)
        if not self.release.at_least(2026, 3):
            for url, path in self.images:
                self.load(url, path)
        check_responses_reasoning(self.document)
        if self.flag("logprobs", "logprobs accepts values true or false") and self.stream:
            text = "logprobs are not supported in streaming mode."
            raise self.fail(text, "logprobs", self.get("logprobs"))
        self._tools()
        self._limit("max_output_tokens", inclusive=True)
        if self.max_tokens == 0:
            text = "max_output_tokens value should be greater than 0"
            raise self.fail(text, "max_output_tokens", self.get("max_output_tokens"))
        self._response_format()

    def _response_format(self) -> None:
        response = self.get("response_format")
        if response is not None and not isinstance(response, JsonObject):
            raise self.fail("response_format is not an object", "response_format", response)

    def _messages(self) -> None:
        messages = self.document.find(b"messages")
        if messages is None:
            raise self.fail("Messages missing in request", "")
        if not isinstance(messages, JsonArray):
            raise self.fail("Messages are not an array", "messages", messages)
        if messages.size == 0:
            raise self.fail("Messages array cannot be empty", "messages", messages)
        for index, message in enumerate(messages.items):
            path = f"messages[{index}]"
            if not isinstance(message, JsonObject):
                raise self.fail("Message is not a JSON object", path, message)
            for member in message.members:
                if member.name.c_string == b"content" and isinstance(member.value, JsonArray):
                    self._content(member.value, f"{path}.content")
            if not isinstance(message.find(b"role"), JsonString):
                raise self.fail("Every message must have 'role' field", path, message)
            self._tool_calls(message, path)

    def _content(self, content: JsonArray, path: str) -> None:
        if content.size == 0 and not self.release.at_least(2026, 3) and self.release.at_least(2025, 0):
            raise self.fail("Invalid message structure - content array is empty", path, content)
        for index, part in enumerate(content.items):
            self._part(part, f"{path}[{index}]")

    def _part(self, part: JsonItem, path: str) -> None:
        prefix = "Invalid message structure - "
        if not isinstance(part, JsonObject):
            raise self.fail(f"{prefix}content array should contain objects", path, part)
        kind = part.find(b"type")
        if not isinstance(kind, JsonString):
            raise self.fail(f"{prefix}content object type missing", path, part)
        if kind.c_string == b"text":
            if not isinstance(part.find(b"text"), JsonString):
                raise self.fail(f"{prefix}content text missing", path, part)
        elif kind.c_string == b"image_url":
            image = part.find(b"image_url")
            if not isinstance(image, JsonObject):
                raise self.fail(f"{prefix}content image_url missing", path, part)
            url = image.find(b"url")
            if not isinstance(url, JsonString):
                raise self.fail(f"{prefix}image_url does not have url field", f"{path}.image_url", image)
            self.images.append((url, f"{path}.image_url.url"))
            if not self.release.at_least(2026, 3):
                self.load(*self.images[-1])
        elif kind.c_string == b"input_audio" and self.release.at_least(2026, 3):
            audio = part.find(b"input_audio")
            if not isinstance(audio, JsonObject):
                raise self.fail(f"{prefix}input_audio object missing", path, part)
            if not isinstance(audio.find(b"data"), JsonString):
                text = f"{prefix}input_audio does not have a valid data field"
                raise self.fail(text, f"{path}.input_audio", audio)
        else:
            raise self.fail("Unsupported content type", f"{path}.type", kind)

    def _tool_calls(self, message: JsonObject, path: str) -> None:
        calls = message.find(b"tool_calls")
        if not isinstance(calls, JsonArray):
            return
        for index, call in enumerate(calls.items):
            call_path = f"{path}.tool_calls[{index}]"
            if not isinstance(call, JsonObject):
                raise self.fail("Each tool_call must be an object", call_path, call)
            if not isinstance(call.find(b"function"), JsonObject):
                raise self.fail("Each tool_call must have a 'function' object", call_path, call)

    def _tools(self) -> None:
        """Applies `parseTools`."""
        choice = self._tool_choice()
        if choice == "none":
            return
        tools = self.get("tools")
        if tools is None:
            return
        if not isinstance(tools, JsonArray):
            raise self.fail("Tools are not an array", "tools", tools)
        for index, tool in enumerate(tools.items):
            self._tool(tool, f"tools[{index}]", choice)

    def _tool_choice(self) -> str:
        choice = self.get("tool_choice")
        if choice is None:
            return "auto"
        if isinstance(choice, JsonString):
            text = choice.c_string.decode("utf-8", "replace")
            if text not in ("none", "auto", "required"):
                message = "tool_choice should be either 'none' or 'auto' or 'required'"
                raise self.fail(message, "tool_choice", choice)
            return text
        if not isinstance(choice, JsonObject):
            raise self.fail("tool_choice is not a valid JSON object or string", "tool_choice", choice)
        function = choice.find(b"function")
        if isinstance(function, JsonObject):
            name = function.find(b"name")
            if isinstance(name, JsonString):
                return name.c_string.decode("utf-8", "replace")
            raise self.fail(
                "tool_choice.function.name is not a valid string", "tool_choice.function", function
            )
        kind = choice.find(b"type")
        if self.release.at_least(2026, 2) and isinstance(kind, JsonString) and kind.c_string == b"function":
            name = choice.find(b"name")
            if isinstance(name, JsonString):
                return name.c_string.decode("utf-8", "replace")
            raise self.fail("tool_choice.name is not a valid string", "tool_choice", choice)
        raise self.fail("tool_choice.function is not a valid JSON object", "tool_choice", choice)

    def _tool(self, tool: JsonItem, path: str, choice: str) -> None:
        if not isinstance(tool, JsonObject):
            raise self.fail("Tool is not a JSON object", path, tool)
        function = tool.find(b"function")
        if function is not None and not isinstance(function, JsonObject):
            raise self.fail("Function is not a valid JSON object", f"{path}.function", function)
        if function is None:
            function = tool
            kind = tool.find(b"type")
            if not self.release.at_least(2026, 2):
                raise self.fail("Function is not a valid JSON object", path, tool)
            if not isinstance(kind, JsonString):
                raise self.fail("Tool type is missing or invalid", path, tool)
            if kind.c_string != b"function":
                raise self.fail("Only function tools are supported", path, tool)
        name = function.find(b"name")
        if not isinstance(name, JsonString):
            raise self.fail("Function object does not contain a valid name field", path, function)
        kept = choice in ("auto", "required") or choice == name.c_string.decode("utf-8", "replace")
        parameters = function.find(b"parameters")
        if kept and parameters is not None and not isinstance(parameters, JsonObject):
            raise self.fail(
                "Function parameters are not a valid JSON object", f"{path}.parameters", parameters
            )
