import { say } from "./language.svelte";

export type Level = "good" | "warn" | "bad" | "none";

/** Of a dataset: how it stands, by a word and a level. */
export function stateOf(state: "ok" | "late" | "stopped" | "never"): [Level, string] {
  switch (state) {
    case "ok":
      return ["good", say("정상", "on time")];
    case "late":
      return ["warn", say("지연", "late")];
    case "stopped":
      return ["bad", say("중단", "stopped")];
    case "never":
      return ["none", say("미수집", "never loaded")];
  }
}

const WORK: Record<string, [string, string]> = {
  live: ["실시간 수집", "live"],
  repair: ["누락 복구", "repair"],
  backfill: ["과거자료 수집", "backfill"],
  rebuild: ["재구축", "rebuild"],
};

/** A class of work. */
export function work(kind: string): string {
  return say(...(WORK[kind] ?? [kind, kind]));
}

const INCIDENTS: Record<string, [Level, string, string]> = {
  stopped: ["bad", "중단", "stopped"],
  late: ["warn", "지연", "late"],
  not_yet_produced: ["warn", "미생산", "not yet produced"],
  refused: ["bad", "거부", "refused"],
  rejected: ["bad", "해석 불가", "rejected"],
  not_asked: ["warn", "미요청", "not requested"],
  given_up: ["bad", "포기", "given up"],
  person: ["bad", "조치 필요", "needs a person"],
  quota: ["warn", "일일 한도", "quota"],
};

export function incident(kind: string): [Level, string] {
  const [level, ko, en] = INCIDENTS[kind] ?? ["warn", kind, kind];
  return [level, say(ko, en)];
}
