import { language, say } from "./language.svelte";

/** The server's times are KST and are shown as they are: no zone of the browser's touches them. */
export function parts(time: string): { day: string; clock: string } {
  return { day: time.slice(0, 10), clock: time.slice(11, 16) };
}

/** `2026-11-29 12:30`; on `today` only the time of day. */
export function moment(time: string | null, today = ""): string {
  if (!time) return "–";
  const { day, clock } = parts(time);
  return day === today.slice(0, 10) ? clock : `${day} ${clock}`;
}

/** From … to, without the day where both have the same. */
export function span(from: string | null, to: string | null): string {
  if (!from || !to) return moment(from ?? to);
  return from.slice(0, 10) === to.slice(0, 10) ? `${moment(from)}–${parts(to).clock}` : `${moment(from)} – ${moment(to)}`;
}

/** A KST time as milliseconds of a clock that knows no zones; `stamp` is its reverse. */
export function milliseconds(time: string): number {
  return Date.parse(`${time.slice(0, 19)}Z`);
}

export function stamp(time: number): string {
  return new Date(time).toISOString().slice(0, 19);
}

export function shifted(time: string, minutes: number): string {
  return stamp(milliseconds(time) + minutes * 60_000);
}

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : value.toLocaleString(language());
}

export function decimal(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined
    ? "–"
    : value.toLocaleString(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A share; 99.96 % is not called 100 %. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return "–";
  const shown = Math.floor(share * 1000) / 10;
  return `${shown.toLocaleString(language(), { maximumFractionDigits: 1 })}%`;
}

export function bytes(value: number): string {
  const [size, unit] = value >= 1e9 ? [value / 1e9, "GB"] : value >= 1e6 ? [value / 1e6, "MB"] : [value / 1e3, "kB"];
  return `${decimal(size, size >= 100 ? 0 : 1)} ${unit}`;
}

export function minutes(value: number | null): string {
  if (value === null) return "–";
  const whole = Math.round(value);
  if (whole < 60) return say(`${whole}분`, `${whole} min`);
  const [hours, rest] = [Math.floor(whole / 60), whole % 60];
  if (hours < 48) return rest ? say(`${hours}시간 ${rest}분`, `${hours} h ${rest} min`) : say(`${hours}시간`, `${hours} h`);
  return say(`${Math.round(hours / 24)}일`, `${Math.round(hours / 24)} days`);
}
