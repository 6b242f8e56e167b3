"""``kmaflow mcp``: the observations for an assistant on this machine."""

from __future__ import annotations

from kmaflow.language import say

HELP = say(
    """AI 비서에게 관측자료를 제공합니다(MCP, 표준 입출력).

    예: kmaflow mcp

    비서 프로그램이 직접 실행합니다. 설정: 명령 kmaflow, 인자 mcp, 환경변수 KMAFLOW_DATABASE_URL (docs/ko/api.md).""",
    """Give an assistant access to the observations, by MCP over stdin and stdout.

    Example: kmaflow mcp

    The assistant starts it by itself. Its configuration: command kmaflow, arguments mcp, environment KMAFLOW_DATABASE_URL (docs/en/api.md).""",
)


def mcp() -> None:
    """Serve an assistant by MCP."""
    from kmaflow.errors import UsageError
    from kmaflow.settings import load_settings

    try:
        from kmaflow.api.assistant import assistant
    except ModuleNotFoundError as cause:
        raise UsageError(
            f"{cause.name} is not installed",
            ko=f"설치되어 있지 않습니다: {cause.name}",
            todo_en="pip install 'kmaflow[mcp]'",
            todo_ko="pip install 'kmaflow[mcp]'",
        ) from None
    from kmaflow.api.reader import Reader

    settings = load_settings()
    reader = Reader(lambda: settings)
    try:
        assistant(reader).run("stdio")
    finally:
        reader.dispose()
