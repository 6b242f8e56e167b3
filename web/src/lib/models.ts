/** What the routes answer; `/openapi.json` describes them. Times are KST. */
export interface Overview {
  now: string;
  datasets: DatasetNow[];
  quota: QuotaNow;
  incidents: Incident[];
  running: Running[];
  next: Next[];
}

export interface DatasetNow {
  dataset: string;
  name_ko: string;
  name_en: string;
  last: string | null;
  lag_minutes: number | null;
  due_minutes: number;
  state: "ok" | "late" | "stopped" | "never";
  expected: number;
  reporting: number;
  completeness: { hour: string; share: number | null }[];
}

export interface QuotaNow {
  day: string;
  calls_limit: number;
  bytes_limit: number;
  classes: { name: "live" | "repair" | "backfill"; calls: number; bytes: number; reserved_calls: number }[];
  forecast: { calls: number; bytes: number; enough: boolean };
  exhausted: "calls" | "bytes" | null;
  until: string | null;
  known: boolean;
}

export interface Incident {
  kind: string;
  dataset: string | null;
  since: string | null;
  until: string | null;
  count: number;
  cause: string;
  next_step: string;
}

export interface Running {
  kind: "live" | "repair" | "backfill" | "rebuild";
  dataset: string | null;
  from: string | null;
  to: string | null;
  since: string;
  worker: string;
}

export interface Next {
  kind: "live" | "repair";
  dataset: string;
  from: string;
  to: string;
  at: string;
}

export interface StationOfFrames {
  stn: number;
  name: string | null;
  name_en: string | null;
  lat: number | null;
  lon: number | null;
  alt_m: number | null;
  network: string | null;
}

export interface Frames {
  dataset: string;
  element: string;
  name_ko: string;
  name_en: string;
  unit: string;
  times: string[];
  stations: StationOfFrames[];
  values: (number | null)[][] | null;
  speed: (number | null)[][] | null;
  direction: (number | null)[][] | null;
}

export interface Revisions {
  rows: {
    dataset: string;
    stn: number;
    tm_kst: string;
    col: string;
    old_value: number | string | null;
    new_value: number | string | null;
    cause: "hub" | "parser";
    changed_at: string;
  }[];
  more: boolean;
}

export interface StationPage {
  stn: number;
  name_ko: string | null;
  name_en: string | null;
  networks: string;
  lat: number | null;
  lon: number | null;
  alt_m: number | null;
  address: string | null;
  history: {
    network: string;
    valid_from: string;
    valid_to: string | null;
    name_ko: string | null;
    name_en: string | null;
    lat: number | null;
    lon: number | null;
    alt_m: number | null;
    address: string | null;
  }[];
  neighbours: { stn: number; name: string | null; lat: number; lon: number; alt_m: number | null; distance_km: number }[];
  datasets: { dataset: string; first: string; last: string | null; present: number; share: number | null }[];
  elements: {
    dataset: string;
    element: string;
    name_ko: string;
    name_en: string;
    unit: string;
    first: string;
    last: string;
    share: number;
  }[];
  elements_from: string;
  elements_to: string;
}

export interface StationRow {
  stn: number;
  name_ko: string | null;
  name_en: string | null;
}

export interface YearOfHours {
  datasets: string[];
  hours: { first: string; count: number };
  share: Record<string, (number | null)[]>;
}

export interface DayOfCells {
  dataset: string;
  day: string;
  interval_minutes: number;
  stamps: string[];
  states: { id: number; state: string; label_ko: string; label_en: string; missing: boolean }[];
  stations: { stn: number; name: string | null; runs: [first: number, count: number, state: number][] }[];
}

export interface WorkNow {
  now: string;
  running: Running[];
  waiting: { kind: string; dataset: string; from: string; to: string; cells: number; waits_for: string }[];
  planned: Next[];
  backfills: {
    datasets: string[];
    from: string;
    to: string;
    stations: string;
    since: string;
    running: boolean;
    done_share: number;
    calls_left: number;
    days_left: number | null;
    until: string | null;
  }[];
  repairs: {
    dataset: string;
    from: string;
    to: string;
    stations: number[] | "all";
    cells: number;
    state: string;
    cause: string;
    error: string | null;
    next_try: string | null;
    waits_for: string;
  }[];
}

export interface PriceOfBackfill {
  stations: string;
  calls: number;
  bytes: number;
  rows: number;
  days_of_quota: number | null;
  already_there: number;
  not_kept_by_hub: number;
}
