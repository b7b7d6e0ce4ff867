"""The answer to a chat request whose model has no chat template that the server can use (servable_initializer.cpp)."""

from ovms_doctor.model.served_models import GenerativeLimits

ONE_MESSAGE = "This servable accepts only single message requests"
_NO_TEMPLATE = (
    "Failed to apply chat template. The model either does not have chat template or has an invalid one."
)


def template_refusal(limits: GenerativeLimits, messages: int | None) -> tuple[str, str]:
    """Returns the text with which the server refuses the request, and the doubt about its answer; each is empty for
    none. ``messages``: the number of messages; `None` if it is unknown."""
    outcome = limits.chat_template
    if outcome is None or outcome == "own":
        return "", ""
    if outcome in ("missing", "refused"):
        if limits.chat_template_certain:
            return limits.chat_template_answer or _NO_TEMPLATE, ""
        return "", "whether the server can use the model's chat template depends on its build"
    if outcome == "damaged":
        return "", "the file of the chat template is no template, and its text is the prompt"
    if outcome == "one_message" and messages is not None and messages != 1:
        if limits.chat_template_certain:
            return ONE_MESSAGE, ""
        return (
            "",
            "whether the server uses its default template, which takes one message, depends on its build",
        )
    return "", "the server uses its default template, and not one of the model"
