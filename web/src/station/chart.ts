import { LineChart, ScatterChart } from "echarts/charts";
import { AriaComponent, DataZoomInsideComponent, GridComponent, MarkAreaComponent, TooltipComponent } from "echarts/components";
import { init, use, type ECharts, type EChartsCoreOption } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { stamp } from "../lib/format";

use([AriaComponent, CanvasRenderer, DataZoomInsideComponent, GridComponent, LineChart, MarkAreaComponent, ScatterChart, TooltipComponent]);

export function makeLines(element: HTMLElement): ECharts {
  return init(element);
}

/** A time and its value; times are KST as a clock without zones has them. */
export type Point = [time: number, value: number | null];

export interface Change {
  time: number;
  value: number | null;
  text: string;
}

interface Colours {
  line: string;
  hole: string;
  ink: string;
  quiet: string;
  paper: string;
  grid: string;
  changed: string;
}

/** Stretches without a value, as areas; from the last value to the next one. */
export function gaps(points: Point[], step: number): [from: number, to: number][] {
  const found: [number, number][] = [];
  for (const [time, value] of points) {
    if (value !== null) continue;
    const last = found.at(-1);
    if (last && last[1] === time - step) last[1] = time;
    else found.push([time - step, time]);
  }
  return found;
}

export function lines(
  points: Point[],
  holes: [number, number][],
  changes: Change[],
  colours: Colours,
  words: { element: string; unit: string; gap: string; changed: string; dots: boolean },
): EChartsCoreOption {
  const days = points.length > 1 && points.at(-1)![0] - points[0]![0] > 36 * 3_600_000;
  const label = (time: number) => (days ? stamp(time).slice(5, 16).replace("T", "\n") : stamp(time).slice(11, 16));
  return {
    useUTC: true,
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.documentElement).fontFamily },
    grid: { left: 8, right: 16, top: 34, bottom: 8, containLabel: true },
    tooltip: {
      trigger: "axis",
      backgroundColor: colours.paper,
      borderColor: colours.grid,
      textStyle: { color: colours.ink },
      formatter: (found: { seriesId?: string; value: Point; name: string }[]) => {
        const [first] = found;
        if (!first) return "";
        const value = first.value[1];
        const told = found.filter((one) => one.seriesId === "changes").map((one) => `<br>${one.name}`);
        return `${stamp(first.value[0]).slice(0, 16).replace("T", " ")}<br><b>${value === null ? words.gap : `${value} ${words.unit}`}</b>${told.join("")}`;
      },
    },
    dataZoom: [{ type: "inside", filterMode: "none" }],
    xAxis: {
      type: "time",
      axisLabel: { color: colours.quiet, hideOverlap: true, formatter: label },
      axisLine: { lineStyle: { color: colours.grid } },
      splitLine: { show: true, lineStyle: { color: colours.grid, opacity: 0.5 } },
      min: points[0]?.[0],
      max: points.at(-1)?.[0],
    },
    yAxis: {
      type: "value",
      scale: true,
      name: `${words.element}${words.unit ? ` (${words.unit})` : ""}`,
      nameTextStyle: { color: colours.quiet, align: "left" },
      axisLabel: { color: colours.quiet },
      splitLine: { lineStyle: { color: colours.grid } },
    },
    series: [
      {
        id: "values",
        type: "line",
        data: points,
        connectNulls: false,
        showSymbol: words.dots || points.length < 40,
        symbolSize: 4,
        lineStyle: { width: words.dots ? 0 : 1.6, color: colours.line },
        itemStyle: { color: colours.line },
        markArea: {
          silent: true,
          itemStyle: { color: colours.hole, opacity: 0.35 },
          data: holes.map(([from, to]) => [{ xAxis: from }, { xAxis: to }]),
        },
      },
      {
        id: "changes",
        type: "scatter",
        symbol: "diamond",
        symbolSize: 13,
        itemStyle: { color: colours.changed, borderColor: colours.paper, borderWidth: 1 },
        data: changes.map((one) => ({ name: one.text, value: [one.time, one.value] })),
      },
    ],
  };
}
