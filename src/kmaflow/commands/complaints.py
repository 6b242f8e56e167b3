"""What is wrong with a command line, and with the next step, in the reader's language. The parser's own words are English."""

from __future__ import annotations

import re
from typing import Any

from kmaflow.language import say

_LEFT_OF_A_TIME = re.compile(r"\b\d{1,2}:\d{2}\b")
#: Pydantic's and the parser's words for a value that does not fit: Korean and English with what they name.
_VALUES = (
    (r"valid (?:integer|int)", "정수를 쓰십시오", "write a whole number"),
    (r"valid (?:number|float)", "수를 쓰십시오", "write a number"),
    (r"greater than or equal to (\S+)", "{} 이상이어야 합니다", "it must be at least {}"),
    (r"x>=(\S+?)[.\]]?$", "{} 이상이어야 합니다", "it must be at least {}"),
    (r"less than or equal to (\S+)", "{} 이하여야 합니다", "it must be at most {}"),
    (r"greater than (\S+)", "{}보다 커야 합니다", "it must be greater than {}"),
    (r"(?:Input should be|is not one of) (.+?)\.?$", "{} 가운데 하나여야 합니다", "it must be one of {}"),
)


def explained(error: Any) -> tuple[str, str]:
    """What is wrong and what to do, of an error that the parser raised."""
    kind = type(error).__name__
    context = getattr(error, "ctx", None)
    step = f"{context.command_path if context else 'kmaflow'} --help"
    message = " ".join(error.format_message().split())
    if kind == "MissingParameter" and error.param is not None:
        name = _name(error.param)
        return say(f"{name} 값이 없습니다", f"{name} is missing"), step
    if kind == "NoSuchOption":
        near = ", ".join(sorted(error.possibilities or ()))
        what = say(f"{error.option_name} 옵션은 없습니다", f"there is no option {error.option_name}")
        return what + (say(f". 혹시 {near}?", f"; did you mean {near}?") if near else ""), step
    if kind == "BadOptionUsage":
        return say(f"{error.option_name} 뒤에 값이 없습니다", f"{error.option_name} needs a value"), step
    if kind == "BadParameter":
        return _value(error), step
    if found := re.match(r"Got unexpected extra arguments? ?(?:\(s\) )?\((.*)\)", message):
        if _LEFT_OF_A_TIME.search(found[1]):
            step = say(
                '시각에 공백이 있으면 따옴표로 묶으십시오: "2026-11-22 12:00"',
                'quote a time that holds a blank: "2026-11-22 12:00"',
            )
        return say(f"쓸 수 없는 인자입니다: {found[1]}", f"there is no place for: {found[1]}"), step
    if found := re.match(r"No such command '(.*?)'\.(.*)", message):
        near = ", ".join(re.findall(r"'(.*?)'", found[2]))
        what = say(f"{found[1]} 명령은 없습니다", f"there is no command {found[1]}")
        return what + (say(f". 혹시 {near}?", f"; did you mean {near}?") if near else ""), step
    if message.startswith("Missing command"):
        return say("명령을 지정하지 않았습니다", "no command is named"), step
    return message, step


def _value(error: Any) -> str:
    if error.param is None:
        return str(error.message)
    for pattern, ko, en in _VALUES:
        if found := re.search(pattern, str(error.message).split(", unable")[0]):
            told = say(ko, en).format(*found.groups())
            return f"{_name(error.param)}: {told}"
    return f"{_name(error.param)}: {error.message}"


def _name(parameter: Any) -> str:
    options = [name for name in parameter.opts if name.startswith("--")]
    return str(options[0] if options else parameter.metavar or parameter.name.upper())
