"""``kmaflow mcp``: the observations for an assistant on this machine."""

from __future__ import annotations


def mcp() -> None:
    """AI 비서에게 관측을 보여 줍니다(MCP, 표준입출력). / The observations for an assistant, by MCP over stdin and stdout.

    An assistant starts it by itself; its configuration: command kmaflow, arguments mcp, environment KMAFLOW_DATABASE_URL (docs/en/api.md).
    """
    from kmaflow.errors import UsageError
    from kmaflow.settings import load_settings

    try:
        from kmaflow.api.assistant import assistant
    except ModuleNotFoundError as cause:
        raise UsageError(
            f"{cause.name} is not installed",
            ko=f"{cause.name}이(가) 설치되어 있지 않습니다",
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
