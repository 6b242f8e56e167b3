"""The texts behind DAGs and tasks in the UI, Korean first, made from the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kmaflow.catalog.time import in_words

if TYPE_CHECKING:
    from kmaflow.airflow.provider.timetable import WindowTimetable
    from kmaflow.catalog.model import Dataset

START = "실행의 시작. *The run begins.*"
END = "하나라도 실패하면 빨강이 됩니다. *Red if any task of the run failed.*"
STATIONS = """지점 목록(AWS, ASOS)을 받아 이력과 함께 저장합니다. 최근에 받았으면 아무 일도 하지 않습니다.

*Fetches the station lists and keeps their history; does nothing if that was done lately.*"""
CHECK = """지점·자료·시각을 확인하고 이 실행의 창을 정합니다. 실패하면 아무것도 수집하지 않습니다.

*Checks stations, datasets and times, and fixes the run's window. If it fails, nothing is collected.*"""
STATIONS_DAG = """### 기상청 지점 정보

AWS(방재기상관측)와 ASOS(종관기상관측) 지점 목록을 하루 한 번(03:00 KST) 받아 `station` 표에 이력과 함께 저장합니다.

*Fetches the lists of AWS and ASOS stations once a day (03:00 KST) into the table `station`, with history.*"""

BACKFILL_CHECK = """지점·자료·시각을 확인하고 기간을 구간으로 나눕니다. 실패하면 아무것도 수집하지 않습니다.

*Checks stations, datasets and times, and cuts the time into periods. If it fails, nothing is collected.*"""
BACKFILL_DAG = """### 기상청 과거 채우기 · Fill history

양식의 `from`부터 `to`까지에서 빠진 관측을 적은 요청으로 채웁니다. 이미 있는 것은 다시 요청하지 않으므로 언제 멈추고 다시 실행해도 됩니다.

*Fills what is missing between `from` and `to` of the form, in few calls. What is there is not asked again: it may be stopped
and run again at any time.*

### 한도 · Quota

하루 한도(양식의 `share`만큼)를 다 쓰면 태스크는 작업 슬롯을 차지하지 않고(deferred) 00:00(한국시각)까지 기다렸다가 스스로 이어 갑니다.
실시간 수집에 필요한 몫은 남겨 둡니다. 며칠이 걸릴지는 `kmaflow plan`이 알려 줍니다.

*When the day's quota (the form's `share` of it) is spent, the tasks wait for 00:00 KST without a worker slot (deferred), and go on
by themselves. What live data needs is kept back. `kmaflow plan` tells how many days it will take.*

### 실패 · Failure

빠진 칸이 남으면 태스크는 빨강이고, 다시 실행하면 남은 것만 요청합니다. 무엇이 왜 빠졌는지는 `kmaflow gaps`.

*A task with cells still missing is red; run again, it asks for these only. What is missing, and why: `kmaflow gaps`.*
"""
REPAIR_CHECK = """무엇을 다시 요청할 때가 되었는지 장부에서 찾습니다. 그런 것이 없는 자료는 건너뜁니다(skipped).

*Finds in the ledger what is due to be asked again. Datasets without anything due are skipped.*"""
REPAIR_DAG = """### 기상청 관측 복구 · Repair

10분마다, 장부와 표에서 빠진 것을 찾아 적은 요청으로 다시 받습니다. 수집기가 몇 시간 멈추어 있었어도 한 번의 실행이 모두 채웁니다.

*Every 10 minutes: what ledger and tables know to be missing is asked for in few calls. After an outage of hours, one run fills it all.*

| 무엇 · what | 언제 · when |
|---|---|
| 요청한 적이 없거나 한도에 걸린 것 · never asked, or kept back by the quota | 바로 · at once |
| 거절·미생산·해독 불가 · refused, not yet produced, unreadable | 10분, 1시간, 6시간, 1일, 3일 뒤 · after 10 min, 1 h, 6 h, 1 d, 3 d |
| 그래도 오지 않은 것 · what never came | 까닭을 적고 포기 · given up, with the reason |
| 결측부호뿐이거나 줄이 없는 칸 · blank or absent cells | 10분, 1시간 뒤, 하루 안에 보고한 지점만 · after 10 min and 1 h, if the station reported within a day |
| 최근 며칠의 정정 · corrections of the last days | 하루에 한 번 (`KMAFLOW_REVISIT_DAYS`) · once a day |

### 한도와 실패 · Quota and failure

한도를 다 쓰면 작업 슬롯 없이(deferred) 00:00(한국시각)까지 기다렸다가 스스로 이어 갑니다. 허브가 거절하면 태스크는 빨강이고, 다음 차례가 되면 다시 요청합니다.
무엇이 왜 빠졌는지는 `kmaflow gaps`, 한 칸의 사연은 `kmaflow why`.

*When the quota is spent the task waits for 00:00 KST without a worker slot, and goes on by itself. A task that the hub refused is red;
what it lacks is asked again when its next try has come. What is missing, and why: `kmaflow gaps`; the story of one cell: `kmaflow why`.*
"""


def observations(datasets: Sequence[Dataset], timetable: WindowTimetable) -> str:
    """The page of a collecting DAG."""
    (step_ko, delay_ko), (step, delay) = [
        [in_words(span, to) for span in (timetable.step, timetable.delay)] for to in ("ko", "en")
    ]
    rows = "\n".join(f"| `{dataset.name}` | {dataset.ko} | {dataset.en} |" for dataset in datasets)
    return f"""### 무엇을 하나 · What it does

{step_ko}마다 그 {step_ko} 동안의 관측을 모든 지점에 대해 모아 데이터베이스에 넣습니다. 구간이 끝나고 {delay_ko} 뒤에 시작합니다.

*Every {step}: the observations of that time for all stations, into the database. A run starts {delay} after its interval.*

| 표 · table | 자료 | dataset |
|---|---|---|
{rows}

### 시각 · Time

자료 구간(data interval)이 곧 수집하는 창입니다: 12:00–13:00 구간은 12:00 다음부터 13:00까지의 시각(한국시각)을 담습니다.
지난 자료는 실행을 지우거나(Clear) Backfill로 다시 모을 수 있고, 양식의 `from`·`to`로 임의의 창을 모을 수 있습니다. 같은 창을 다시 모아도 중복되지 않습니다.

*The data interval is the window: 12:00–13:00 holds the stamps after 12:00, up to and including 13:00 KST. Clear and Backfill collect the past; `from` and `to`
of the form collect any window. Collecting a window twice makes no duplicates.*

### 실패 · Failure

`확인`이 실패하면 아무것도 수집하지 않고, 한 자료의 실패는 다른 자료를 멈추지 않습니다.
하나라도 실패하면 실행은 빨강입니다. 이유와 할 일은 태스크 로그의 마지막 오류 줄에 있습니다.
하루 한도를 다 쓰면 태스크는 실패하지 않고 건너뜀(skipped)이 되며, 요청하지 않은 창은 장부에 남습니다.

*If `check` fails nothing is collected; a failed dataset does not stop the others; any failure makes the run red. The task's log says why and what to do.
A task that the day's quota stops is skipped, not failed; the ledger keeps what was not asked.*

인증키는 연결 `kma_apihub` 또는 `.env`에만 둡니다. *The key belongs into the connection `kma_apihub` or into `.env`, never into the form.*
"""


def dataset(dataset: Dataset) -> str:
    """The page of a dataset's task."""
    notes = "\n".join(
        f"* {korean} — *{english}*" for korean, english in zip(dataset.notes_ko, dataset.notes_en, strict=False)
    )
    return f"""**{dataset.ko}** — *{dataset.en}*

표 `{dataset.name}`, 자산 `kma://{dataset.name}`, 활용신청 `{dataset.operation}`. *Table, asset, operation to apply for.*

{notes}
"""
