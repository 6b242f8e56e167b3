import { ScatterChart } from "echarts/charts";
import { AriaComponent, GeoComponent, TooltipComponent } from "echarts/components";
import { init, registerMap, use, type ECharts, type EChartsCoreOption } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import land from "./land.json";

use([AriaComponent, CanvasRenderer, GeoComponent, ScatterChart, TooltipComponent]);
registerMap("land", land as unknown as Parameters<typeof registerMap>[1]);

export function makeMap(element: HTMLElement): ECharts {
  return init(element);
}

/** Corners that are in view at first: the stations from 백령도 to 울릉도 and 제주. */
const CORNERS = [
  [124.2, 38.75],
  [131.3, 33.05],
];
const CITIES: [ko: string, en: string, lon: number, lat: number][] = [
  ["서울", "Seoul", 126.98, 37.57],
  ["강릉", "Gangneung", 128.88, 37.75],
  ["대전", "Daejeon", 127.38, 36.35],
  ["대구", "Daegu", 128.6, 35.87],
  ["전주", "Jeonju", 127.15, 35.82],
  ["광주", "Gwangju", 126.85, 35.16],
  ["부산", "Busan", 129.08, 35.18],
  ["제주", "Jeju", 126.53, 33.5],
  ["울릉도", "Ulleungdo", 130.87, 37.5],
  ["백령도", "Baengnyeongdo", 124.65, 37.96],
];

interface Colours {
  land: string;
  beyond: string;
  coast: string;
  ink: string;
  paper: string;
}

/** Everything but the stations' values. */
export function ground(colours: Colours, korean: boolean, tooltip: (index: number) => string): EChartsCoreOption {
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.documentElement).fontFamily },
    tooltip: {
      backgroundColor: colours.paper,
      borderColor: colours.coast,
      textStyle: { color: colours.ink },
      formatter: (at: { dataIndex: number }) => tooltip(at.dataIndex),
    },
    geo: {
      map: "land",
      roam: true,
      scaleLimit: { min: 0.8, max: 14 },
      boundingCoords: CORNERS,
      aspectScale: 0.81,
      left: 4,
      right: 4,
      top: 4,
      bottom: 4,
      silent: true,
      itemStyle: { areaColor: colours.beyond, borderColor: colours.coast, borderWidth: 0.4 },
      regions: [{ name: "korea", itemStyle: { areaColor: colours.land, borderColor: colours.coast, borderWidth: 0.9 } }],
    },
    series: [
      // On a canvas of its own: the land stays while the stations are drawn anew.
      { id: "stations", type: "scatter", coordinateSystem: "geo", zlevel: 1, data: [] },
      {
        id: "cities",
        type: "scatter",
        coordinateSystem: "geo",
        zlevel: 2,
        silent: true,
        symbolSize: 0.1,
        tooltip: { show: false },
        label: {
          show: true,
          formatter: "{b}",
          color: colours.ink,
          textBorderColor: colours.paper,
          textBorderWidth: 3,
          fontSize: 12,
          fontWeight: 600,
        },
        data: CITIES.map(([ko, en, lon, lat]) => ({ name: korean ? ko : en, value: [lon, lat] })),
      },
    ],
  };
}
