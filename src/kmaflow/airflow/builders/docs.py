"""The texts behind DAGs and tasks in Airflow's pages, made from the catalogue; Korean unless ``KMAFLOW_LANG=en``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kmaflow.catalog.time import in_words
from kmaflow.language import say_in_airflow

if TYPE_CHECKING:
    from kmaflow.airflow.provider.timetable import WindowTimetable
    from kmaflow.catalog.model import Dataset

START = say_in_airflow("실행을 시작합니다.", "The run begins.")
END = say_in_airflow("태스크가 하나라도 실패하면 실패로 표시됩니다.", "Fails if any task of the run has failed.")
STATIONS = say_in_airflow(
    "지점 목록(AWS, ASOS)을 받아 이력과 함께 저장합니다. 최근에 받았으면 건너뜁니다.",
    "Fetches the station lists (AWS, ASOS) and stores them with their history. Does nothing if they were fetched recently.",
)
CHECK = say_in_airflow(
    "지점·자료·시각을 확인하고 이 실행에서 수집할 구간을 정합니다. 실패하면 아무것도 수집하지 않습니다.",
    "Checks stations, datasets and times, and sets the run's window. If it fails, nothing is collected.",
)
STATIONS_DAG = say_in_airflow(
    """### 기상청 지점 정보

AWS(방재기상관측)와 ASOS(종관기상관측)의 지점 목록을 매일 03:00(한국시각)에 받아 `station` 테이블에 이력과 함께 저장합니다.
""",
    """### KMA stations

Fetches the lists of AWS and ASOS stations every day at 03:00 KST and stores them, with their history, in the table `station`.
""",
)
LAKE_DAG = say_in_airflow(
    """### 기상청 관측 레이크

새 값이 저장될 때마다, 바뀐 것을(정정 포함) `KMAFLOW_LAKE_URL`의 Hive 분할 Parquet 사본에 씁니다.
쓰려면 DAG를 켜십시오. 처음에는 멈춰 있습니다.
""",
    """### KMA lake

Whenever new values are stored, writes what has changed, corrections included, into the Hive-partitioned Parquet copy at
`KMAFLOW_LAKE_URL`. Paused until somebody wants a lake: switch the DAG on.
""",
)
LAKE = say_in_airflow(
    "바뀐 날(분자료)과 달(시간자료)의 파일을 온전히 다시 씁니다. 나머지는 그대로 둡니다.",
    "Writes the files of days (minutes) and months (hours) that have changed, each whole; the others stay.",
)
BACKFILL_CHECK = say_in_airflow(
    "지점·자료·시각을 확인하고 기간을 나눕니다. 실패하면 아무것도 수집하지 않습니다.",
    "Checks stations, datasets and times, and splits the time into periods. If it fails, nothing is collected.",
)
BACKFILL_DAG = say_in_airflow(
    """### 과거 자료 채우기

양식의 `from`부터 `to`까지 빠진 관측을 되도록 적은 호출로 채웁니다. 이미 있는 자료는 다시 요청하지 않으므로 언제든 멈추고 다시 실행할 수 있습니다.

### 하루 한도

하루 한도(양식의 `share`만큼)를 다 쓰면 태스크는 작업 슬롯을 차지하지 않고(deferred) 00:00(한국시각)까지 기다렸다가 이어서 실행됩니다.
실시간 수집에 필요한 양은 남겨 둡니다. 며칠이 걸리는지는 `kmaflow plan`으로 확인하십시오.

### 실패

누락이 남으면 태스크가 실패합니다. 다시 실행하면 누락된 것만 요청합니다. 무엇이 왜 빠졌는지는 `kmaflow gaps`로 확인하십시오.
""",
    """### Fill history

Fills what is missing between `from` and `to` of the form with as few calls as possible. Data that are there are not requested again, so it may be
stopped and run again at any time.

### Quota

When the day's quota (the form's `share` of it) is used up, the tasks wait for 00:00 KST without a worker slot (deferred) and then continue.
What live data need is kept in reserve. `kmaflow plan` tells how many days it takes.

### Failure

A task fails while data are missing; run again, it requests only those. `kmaflow gaps` shows what is missing and why.
""",
)
REPAIR_CHECK = say_in_airflow(
    "수집 이력에서 다시 요청할 차례가 된 것을 찾습니다. 다시 요청할 것이 없는 자료는 건너뜁니다(skipped).",
    "Finds in the ledger what is due to be requested again. Datasets with nothing due are skipped.",
)
REPAIR_DAG = say_in_airflow(
    """### 누락 복구

10분마다 수집 이력과 테이블에서 누락을 찾아 되도록 적은 호출로 다시 요청합니다. 수집이 몇 시간 멈추었더라도 한 번의 실행으로 모두 채웁니다.

| 누락 | 다시 요청하는 때 |
|---|---|
| 요청한 적이 없거나 한도 때문에 미룬 것 | 바로 |
| 거절되었거나, 아직 생산되지 않았거나, 읽을 수 없는 것 | 10분, 1시간, 6시간, 1일, 3일 뒤 |
| 그래도 받지 못한 것 | 사유를 남기고 더 요청하지 않음 |
| 결측만 있거나 행이 없는 칸 | 10분, 1시간 뒤. 하루 안에 보고한 지점만 |
| 최근 며칠의 정정 | 하루에 한 번 (`KMAFLOW_REVISIT_DAYS`) |

### 한도와 실패

하루 한도를 다 쓰면 작업 슬롯을 차지하지 않고(deferred) 00:00(한국시각)까지 기다렸다가 이어서 실행됩니다.
허브가 거절하면 태스크가 실패하고, 차례가 되면 다시 요청합니다.
무엇이 왜 빠졌는지는 `kmaflow gaps`, 한 칸의 이력은 `kmaflow why`로 확인하십시오.
""",
    """### Repair

Every 10 minutes, what ledger and tables show to be missing is requested in few calls. After an outage of hours, one run fills it all.

| missing | requested again |
|---|---|
| never requested, or deferred by the quota | at once |
| refused, not yet produced, unreadable | after 10 minutes, 1 hour, 6 hours, 1 day, 3 days |
| still missing after that | no more; the reason is recorded |
| blank or absent cells | after 10 minutes and 1 hour, for stations that reported within a day |
| corrections of the last days | once a day (`KMAFLOW_REVISIT_DAYS`) |

### Quota and failure

When the quota is used up, the task waits for 00:00 KST without a worker slot (deferred) and then continues. A task that the hub refused fails;
what it lacks is requested again when its next try is due. What is missing, and why: `kmaflow gaps`; the history of one cell: `kmaflow why`.
""",
)


def observations(datasets: Sequence[Dataset], timetable: WindowTimetable) -> str:
    """The page of a collecting DAG."""
    (step_ko, delay_ko), (step, delay) = [
        [in_words(span, to) for span in (timetable.step, timetable.delay)] for to in ("ko", "en")
    ]
    rows = "\n".join(
        f"| `{dataset.name}` | {say_in_airflow(dataset.ko, dataset.en)} | {dataset.operation} |" for dataset in datasets
    )
    return say_in_airflow(
        f"""### 하는 일

{step_ko}마다 그 {step_ko} 동안의 모든 지점 관측을 수집해 데이터베이스에 저장합니다. 구간이 끝나고 {delay_ko} 뒤에 시작합니다.

| 테이블 | 자료 | 활용신청할 API |
|---|---|---|
{rows}

### 시각

자료 구간(data interval)이 수집하는 구간입니다. 12:00–13:00 구간에는 12:00 다음부터 13:00까지의 시각(한국시각)이 들어갑니다.
지난 구간은 실행을 지워(Clear) 다시 수집하고, 임의의 구간은 양식의 `from`·`to`로, 과거 자료는 DAG `kma_backfill`로 수집합니다.
같은 구간을 다시 수집해도 중복되지 않습니다.

### 실패

`check`가 실패하면 아무것도 수집하지 않습니다. 한 자료가 실패해도 다른 자료는 계속 수집합니다. 하나라도 실패하면 실행이 실패로 표시됩니다.
원인과 조치는 태스크 로그의 마지막 오류 줄에 있습니다. 하루 한도를 다 쓴 태스크는 실패하지 않고 건너뛰며(skipped), 요청하지 못한 구간은 수집 이력에 남습니다.

인증키는 연결 `kma_apihub`나 `.env`에만 넣으십시오.
""",
        f"""### What it does

Every {step}, it collects the observations of that time for all stations into the database. A run starts {delay} after the end of its interval.

| table | dataset | API to apply for |
|---|---|---|
{rows}

### Time

The data interval is the window: 12:00–13:00 holds the stamps after 12:00, up to and including 13:00 KST. Clear a run to collect its
interval again; `from` and `to` of the form collect any window, the DAG `kma_backfill` history. Collecting a window twice makes no duplicates.

### Failure

If `check` fails, nothing is collected. A failed dataset does not stop the others; any failure makes the run fail. The last error line of the task's log says
why and what to do. A task that the day's quota stops is skipped, not failed; the ledger keeps what was not requested.

The key belongs in the connection `kma_apihub` or in `.env`, never in the form.
""",
    )


def dataset(dataset: Dataset) -> str:
    """The page of a dataset's task."""
    ko, en = ("\n".join(f"* {note}" for note in notes) for notes in (dataset.notes_ko, dataset.notes_en))
    return say_in_airflow(
        f"**{dataset.ko}**\n\n테이블 `{dataset.name}`, 자산 `kma://{dataset.name}`, 활용신청할 API `{dataset.operation}`\n\n{ko}\n",
        f"**{dataset.en}**\n\nTable `{dataset.name}`, asset `kma://{dataset.name}`, API to apply for `{dataset.operation}`\n\n{en}\n",
    )
