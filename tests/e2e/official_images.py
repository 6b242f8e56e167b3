"""What the images of Redis, PostgreSQL and MariaDB do when they start, done with this machine's own programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

POSTGRESQL = Path("/usr/lib/postgresql/15/bin")


def redis(command: Sequence[str], port: int) -> list[str]:
    """The service's own command, on this machine's loopback."""
    return [*command, "--port", str(port), "--bind", "127.0.0.1"]


def postgres(data: Path, environment: Mapping[str, str], port: int) -> list[str]:
    """``POSTGRES_USER``, ``POSTGRES_PASSWORD_FILE`` and ``POSTGRES_INITDB_ARGS`` make an empty folder a cluster; the server's command."""
    as_postgres = ["runuser", "-u", "postgres", "--"]
    if not any(data.iterdir()):
        shutil.chown(data, "postgres")
        arguments = [f"--username={environment['POSTGRES_USER']}", f"--pwfile={environment['POSTGRES_PASSWORD_FILE']}"]
        arguments += environment["POSTGRES_INITDB_ARGS"].split()
        initdb = [*as_postgres, str(POSTGRESQL / "initdb"), "-D", str(data), *arguments]
        subprocess.run(initdb, check=True, capture_output=True)
    where = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    return [*as_postgres, str(POSTGRESQL / "postgres"), "-D", str(data), *where]


def mariadb(command: Sequence[str], data: Path, environment: Mapping[str, str], port: int) -> list[str]:
    """``MARIADB_USER`` and both ``…_PASSWORD_FILE`` make an empty folder a database; the service's own command."""
    words = ["/usr/sbin/mariadbd", "--no-defaults", *command[1:], "--user=mysql", f"--datadir={data}"]
    words += [f"--socket={data}/mariadb.sock", f"--pid-file={data}/mariadb.pid"]
    words += ["--bind-address=127.0.0.1", f"--port={port}"]
    if any(data.iterdir()):
        return words
    shutil.chown(data, "mysql")
    install = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}"]
    install += ["--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, capture_output=True)
    secret = {key: Path(environment[f"{key}_PASSWORD_FILE"]).read_text() for key in ("MARIADB", "MARIADB_ROOT")}
    statements = (
        f"ALTER USER root@localhost IDENTIFIED BY '{secret['MARIADB_ROOT']}'",
        "DROP USER IF EXISTS ''@localhost",
        f"CREATE USER {environment['MARIADB_USER']} IDENTIFIED BY '{secret['MARIADB']}'",
    )
    start = data.parent / "mariadb-start.sql"
    start.write_text("".join(f"{one};\n" for one in statements))
    start.chmod(0o644)
    return [*words, f"--init-file={start}"]
