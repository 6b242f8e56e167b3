"""What Airflow is told about this package when it looks for providers: the connection type and its form.

Read by every Airflow process at its start, so nothing is imported here.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from kmaflow.language import say_in_airflow

#: The type of the connection that holds the key; also the id of the default connection and of the pool.
CONNECTION_TYPE = "kma_apihub"
HOOK_NAME = say_in_airflow("기상청 API허브", "KMA API Hub")
#: The connection type of MariaDB: Airflow's own provider needs a compiler to install, and without it the form would not offer it.
STAND_IN: dict[str, Any] = {
    "connection-type": "mysql",
    "hook-class-name": "kmaflow.airflow.provider.store_connection.StoreHook",
    "hook-name": "MariaDB / MySQL (kmaflow)",
    "ui-field-behaviour": {
        "hidden-fields": [],
        "relabeling": {"schema": say_in_airflow("데이터베이스", "Database")},
        "placeholders": {"extra": '{"ssl": {"ca": "/path/ca.pem"}}'},
    },
}


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, as ``provider_info.schema.json`` of Airflow wants it.

    The form has two fields: password (인증키) and host (the hub's address). Airflow stores the password encrypted and never
    shows it again; a field of our own in ``extra`` would be read more often than needed, so there is none that holds a secret.
    """
    return {
        "package-name": "kmaflow",
        "name": HOOK_NAME,
        "description": say_in_airflow(
            "기상청 API허브의 지상관측 자료를 수집합니다.", "Collects KMA surface observations."
        ),
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "kmaflow.airflow.provider.hook.KmaApiHubHook",
                "hook-name": HOOK_NAME,
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "port", "schema", "extra"],
                    "relabeling": {
                        "password": say_in_airflow("인증키(authKey)", "Key (authKey)"),
                        "host": say_in_airflow("API허브 주소(hub URL)", "Hub URL"),
                    },
                    "placeholders": {
                        "password": say_in_airflow(
                            "API허브 마이페이지의 인증키(비우면 KMAFLOW_API_KEY). 넣은 키를 지우려면 연결을 삭제하십시오",
                            "key of your API Hub page (empty: KMAFLOW_API_KEY). To remove a key, delete the connection",
                        ),
                        "host": say_in_airflow(
                            "비우면 KMAFLOW_HUB_URL(기본 https://apihub.kma.go.kr/api/typ01)",
                            "empty: KMAFLOW_HUB_URL (default https://apihub.kma.go.kr/api/typ01)",
                        ),
                    },
                },
            },
            *([] if importlib.util.find_spec("airflow.providers.mysql") else [STAND_IN]),
        ],
        "hooks": [
            {
                "integration-name": "KMA API Hub",
                "python-modules": ["kmaflow.airflow.provider.hook", "kmaflow.airflow.provider.store_connection"],
            },
        ],
        "integrations": [
            {
                "integration-name": "KMA API Hub",
                "external-doc-url": "https://apihub.kma.go.kr/",
                "tags": ["service"],
            }
        ],
    }
