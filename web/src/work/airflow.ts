import { say } from "../lib/language.svelte";

/** What a run of kma_backfill is started with; times KST, as its form has them. */
export interface Backfill {
  datasets: string[];
  from: string;
  to: string;
  stations: string;
}

export interface Started {
  run?: string;
  trouble?: string;
}

/** Start the DAG kma_backfill with the login of Airflow's own page; its cookie comes along by itself. */
export async function start(what: Backfill): Promise<Started> {
  const conf = { datasets: what.datasets, from: what.from, to: what.to, ...(what.stations ? { stations: what.stations } : {}) };
  let answer: Response;
  try {
    answer = await fetch("/api/v2/dags/kma_backfill/dagRuns", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf }),
    });
  } catch {
    return { trouble: say("Airflow가 응답하지 않습니다", "Airflow does not answer") };
  }
  const told = (await answer.json().catch(() => ({}))) as { dag_run_id?: string; detail?: unknown };
  if (answer.ok && told.dag_run_id) return { run: told.dag_run_id };
  if (answer.status === 403) return { trouble: say("이 사용자에게는 DAG를 실행할 권한이 없습니다", "this user may not start DAGs") };
  return { trouble: typeof told.detail === "string" ? told.detail : `HTTP ${answer.status} ${JSON.stringify(told.detail ?? "")}` };
}
