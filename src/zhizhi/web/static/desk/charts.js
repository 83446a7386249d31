// Draws every figure of a page from the table inside it, in one theme made of the tokens. No table, no picture; no picture, the table stays open.

const tone = { urgent: "--urgent", attention: "--attention", done: "--done", unknown: "--unknown", neutral: "--edge" };
const drawn = new Map();

function theme() {
  const style = getComputedStyle(document.documentElement);
  const token = (name) => style.getPropertyValue(name).trim();
  const rem = parseFloat(style.fontSize);
  return { token, rem, font: getComputedStyle(document.body).fontFamily, small: 0.8125 * rem, text: 0.875 * rem };
}

const numberOf = (text) => (text === undefined || text === "" ? null : Number(text));

/** Reads the table: categories down the rows, one series a column. */
function read(figure) {
  const heads = [...figure.querySelectorAll("thead th")].slice(1);
  const rows = [...figure.querySelectorAll("tbody tr")];
  return {
    names: rows.map((row) => row.firstElementChild.textContent.trim()),
    hrefs: rows.map((row) => row.querySelector("th a")?.href),
    codes: rows.map((row) => row.dataset.code),
    series: heads.map((head, i) => {
      const cells = rows.map((row) => row.children[i + 1]);
      return {
        name: head.dataset.label,
        unit: head.dataset.unit,
        tone: head.dataset.tone,
        values: cells.map((cell) => numberOf(cell.dataset.value)),
        words: cells.map((cell) => cell.textContent.trim()),
        low: cells.map((cell) => numberOf(cell.dataset.low)),
        high: cells.map((cell) => numberOf(cell.dataset.high)),
      };
    }),
  };
}

const colourOf = (look, series, i) => look.token(tone[series.tone] ?? `--series-${(i % 5) + 1}`);

/** Width of the longest category in letters as wide as they are high. */
const longest = (table) => Math.max(...table.names.map((name) => [...name].reduce((sum, letter) => sum + (letter > "\u2e80" ? 1 : 0.62), 0)));

/** A hatch for what is unknown: the same in every chart. */
function hatch(look) {
  const tile = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
  const pen = tile.getContext("2d");
  pen.fillStyle = look.token("--surface");
  pen.fillRect(0, 0, 8, 8);
  pen.strokeStyle = look.token("--unknown");
  pen.lineWidth = 1;
  for (const [x, y] of [[0, 8], [-4, 4], [4, 12]]) {
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(x + 8, y - 8);
    pen.stroke();
  }
  return { image: tile, repeat: "repeat" };
}

/** Whiskers of one series: its interval is drawn, not mentioned. */
function whiskers(look, series, i, across, offset) {
  if (!series.low.some((value) => value !== null)) return [];
  const points = series.values.map((value, at) => [at, series.low[at], series.high[at]]).filter((point) => point[1] !== null);
  return [{
    type: "custom",
    name: series.name,
    silent: true,
    z: 5,
    tooltip: { show: false },
    encode: across ? { x: [1, 2], y: 0 } : { x: 0, y: [1, 2] },
    data: points,
    renderItem: (params, api) => {
      const at = (value) => api.coord(across ? [value, api.value(0)] : [api.value(0), value]);
      const [x1, y1] = at(api.value(1));
      const [x2, y2] = at(api.value(2));
      const shift = offset * api.size(across ? [0, 1] : [1, 0])[across ? 1 : 0];
      const line = (a, b, c, d) => ({ type: "line", shape: { x1: a, y1: b, x2: c, y2: d }, style: { stroke: look.token("--ink"), lineWidth: 1.5 } });
      return {
        type: "group",
        children: across
          ? [line(x1, y1 + shift, x2, y2 + shift), line(x1, y1 + shift - 4, x1, y1 + shift + 4), line(x2, y2 + shift - 4, x2, y2 + shift + 4)]
          : [line(x1 + shift, y1, x2 + shift, y2), line(x1 + shift - 4, y1, x1 + shift + 4, y1), line(x2 + shift - 4, y2, x2 + shift + 4, y2)],
      };
    },
  }];
}

function frame(look, table) {
  const several = table.series.length > 1;
  return {
    animation: false,
    textStyle: { fontFamily: look.font, fontSize: look.small, color: look.token("--ink") },
    grid: { left: 4, right: 12, top: several ? look.rem * 2.4 : look.rem * 1.4, bottom: 4, containLabel: true },
    legend: { show: several, top: 0, left: 0, itemWidth: 14, itemHeight: 10, textStyle: { color: look.token("--ink"), fontSize: look.small }, selectedMode: false },
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: look.token("--surface"),
      borderColor: look.token("--edge"),
      textStyle: { color: look.token("--ink"), fontSize: look.small },
      formatter: (point) => {
        const at = point.dataIndex;
        const lines = table.series.map((series) => `${several ? `${series.name}: ` : ""}${series.words[at]} ${series.unit}`);
        return [table.names[at], ...lines].join("\n");
      },
    },
  };
}

const axis = (look) => ({
  value: { type: "value", min: (range) => Math.min(0, range.min), splitNumber: 4, axisLabel: { color: look.token("--muted"), fontSize: look.small, hideOverlap: true }, splitLine: { lineStyle: { color: look.token("--rule") } } },
  names: (table) => ({
    type: "category",
    data: table.names,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: look.token("--edge") } },
    axisLabel: { color: look.token("--ink"), fontSize: look.small, hideOverlap: true },
  }),
});

/** The axis of values; cases and people come in whole numbers. */
const whole = (look, table) => ({
  ...axis(look).value,
  minInterval: table.series.every((series) => series.values.every((value) => value === null || Number.isInteger(value))) ? 1 : 0,
});

const kinds = {
  line(look, table) {
    const option = frame(look, table);
    const direct = table.series.length > 1;
    option.legend.show = false;
    option.grid.top = look.rem * 1.4;
    option.grid.right = direct ? look.rem * 6 : look.rem * 1.5;
    option.tooltip.trigger = "axis";
    const point = option.tooltip.formatter;
    option.tooltip.formatter = (points) => point(points[0]);
    option.xAxis = { ...axis(look).names(table), boundaryGap: false };
    Object.assign(option.xAxis.axisLabel, { alignMinLabel: "left", alignMaxLabel: "right" });
    option.yAxis = whole(look, table);
    option.series = table.series.flatMap((series, i) => [
      {
        type: "line",
        name: series.name,
        data: series.values,
        symbol: series.values.length > 40 ? "none" : "circle",
        symbolSize: 6,
        color: colourOf(look, series, i),
        lineStyle: { width: 2.5, type: ["solid", "dashed", "dotted", [8, 3, 2, 3], [2, 2]][i % 5] },
        endLabel: { show: direct, formatter: "{a}", color: colourOf(look, series, i), fontSize: look.small },
        labelLayout: { moveOverlap: "shiftY" },
      },
      ...whiskers(look, series, i, false, 0),
    ]);
    return option;
  },

  bars(look, table) {
    const option = frame(look, table);
    option.grid.right = look.rem * 3.5;
    option.grid.top = table.series.length > 1 ? look.rem * 2.2 : 0;
    option.yAxis = { ...axis(look).names(table), inverse: true };
    option.yAxis.axisLabel = { ...option.yAxis.axisLabel, interval: 0, width: look.small * Math.min(11, longest(table) + 0.5), overflow: "truncate" };
    option.xAxis = { ...axis(look).value, axisLabel: { show: false }, splitLine: { show: false } };
    option.series = bars(look, table, "right", true);
    return option;
  },

  columns(look, table, figure) {
    const option = frame(look, table);
    option.xAxis = axis(look).names(table);
    if (table.names.length <= 8) {
      const room = (figure.querySelector(".chart-picture").clientWidth - 3 * look.rem) / table.names.length - 4;
      const size = Math.min(look.small, room / longest(table));
      if (size >= 0.6 * look.rem) Object.assign(option.xAxis.axisLabel, { interval: 0, hideOverlap: false, fontSize: size });
    }
    option.yAxis = whole(look, table);
    option.series = bars(look, table, "top", false, "stacked" in figure.dataset);
    return option;
  },

  map(look, table, figure) {
    const option = frame(look, table);
    const [series] = table.series;
    const bands = [...figure.querySelectorAll(".chart-legend [data-class]")];
    const words = new Map(table.codes.map((code, i) => [code, i]));
    option.tooltip.formatter = (point) => {
      const at = words.get(point.name);
      return at === undefined ? figure.dataset.none : `${table.names[at]}\n${series.words[at]} ${series.unit}`;
    };
    option.visualMap = {
      type: "piecewise",
      show: false,
      pieces: bands.map((band, i) => ({
        gte: Number(band.dataset.low),
        [i === bands.length - 1 ? "lte" : "lt"]: Number(band.dataset.high),
        color: look.token(`--class-${band.dataset.class}`),
      })),
    };
    const dark = (i) => i >= 0 && Number(figure.querySelectorAll("tbody tr")[i]?.children[1]?.dataset.class) > 3;
    const legible = (on) => ({ color: look.token(on ? "--surface" : "--ink"), textBorderColor: look.token(on ? "--class-6" : "--class-1"), textBorderWidth: 2.5 });
    option.series = [{
      type: "map",
      map: figure.id,
      nameProperty: "code",
      roam: false,
      showLegendSymbol: false,
      aspectScale: 0.87,
      selectedMode: false,
      left: 0,
      right: 0,
      top: 4,
      bottom: 4,
      preserveAspect: "contain",
      label: { show: table.names.length <= 40, formatter: (point) => table.names[words.get(point.name)] ?? "", fontSize: look.small, ...legible(false) },
      labelLayout: { hideOverlap: true },
      itemStyle: { areaColor: hatch(look), borderColor: look.token("--surface"), borderWidth: 1.2 },
      emphasis: { label: { show: true, color: look.token("--ink") }, itemStyle: { areaColor: null, borderColor: look.token("--ink"), borderWidth: 2 } },
      data: table.codes.map((code, i) => ({
        name: code,
        value: series.values[i] ?? NaN,
        ...(series.values[i] === null ? {} : { label: legible(dark(i)) }),
      })),
    }];
    return option;
  },
};

function bars(look, table, position, across, stacked = false) {
  const n = table.series.length;
  return table.series.flatMap((series, i) => [
    {
      type: "bar",
      name: series.name,
      stack: stacked ? "all" : undefined,
      data: series.values,
      color: colourOf(look, series, i),
      barMaxWidth: look.rem * (across ? 1.1 : 3),
      barCategoryGap: across ? "35%" : "30%",
      label: {
        show: !stacked && series.values.length * n <= 24 && !series.low.some((value) => value !== null),
        position,
        color: look.token("--ink"),
        fontSize: look.small,
        formatter: (point) => (series.values[point.dataIndex] || across ? series.words[point.dataIndex] : ""),
      },
      labelLayout: { hideOverlap: true },
    },
    ...whiskers(look, series, i, across, stacked || n === 1 ? 0 : ((i + 0.5) / n - 0.5) * 0.7),
  ]);
}

async function draw(figure) {
  const { echarts } = window;
  const picture = figure.querySelector(".chart-picture");
  const table = read(figure);
  const make = kinds[figure.dataset.chart];
  if (!echarts || !picture || !make || !table.names.length) return;
  if (figure.dataset.borders && !echarts.getMap(figure.id)) {
    const answer = await fetch(figure.dataset.borders, { headers: { Accept: "application/geo+json" } });
    if (!answer.ok) return;
    const borders = await answer.json();
    if (!borders.features?.length) return;
    echarts.registerMap(figure.id, borders);
  }
  const look = theme();
  picture.classList.add("ready");
  if (figure.dataset.chart === "bars") {
    picture.style.height = `${(table.names.length * 1.9 * Math.max(1, table.series.length * 0.7) + (table.series.length > 1 ? 2.6 : 0.6)) * look.rem}px`;
  }
  drawn.get(figure)?.dispose();
  const chart = echarts.init(picture, null, { renderer: "canvas" });
  drawn.set(figure, chart);
  chart.on("finished", () => (figure.dataset.finished = "yes"));
  chart.on("click", (point) => {
    const at = figure.dataset.chart === "map" ? table.codes.indexOf(point.name) : point.dataIndex;
    if (table.hrefs[at]) window.location.assign(table.hrefs[at]);
  });
  chart.setOption(make(look, table, figure));
  if (!figure.dataset.closed) {
    figure.querySelector("details")?.removeAttribute("open");
    figure.dataset.closed = "yes";
  }
}

const redraw = () => [...drawn.keys()].forEach((figure) => (figure.isConnected ? draw(figure) : (drawn.get(figure).dispose(), drawn.delete(figure))));
const drawAll = (root) => [...root.querySelectorAll("figure[data-chart]")].forEach((figure) => !drawn.has(figure) && draw(figure));

drawAll(document);
document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
let waiting;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(redraw, 120);
});
