// uPlot with our colours: mean as a line, least to most as a band behind it.
import uPlot from 'uplot';
import { useEffect, useRef } from 'preact/hooks';
import { html } from '../core/html.js';
import { clock, day, number } from '../core/format.js';
import { colour, painted } from '../core/theme.js';

const kDay = 86400;

// Ticks: a date where a day begins, else the time, as fine as the steps between them.
function time_labels(u, splits, axis, space, step) {
  let last_day = '';
  return splits.map((t) => {
    const d = new Date(t * 1000);
    const today = day(d);
    const is_new = today !== last_day && (step >= kDay || clock(d, false) === '00:00');
    last_day = today;
    return is_new ? today : clock(d, step < 60);
  });
}

// A line across a silence would be an invention: nulls where a step is far longer than the usual one.
export function with_gaps(rows) {
  if (rows.length < 3) return rows;
  const steps = rows.slice(1).map((row, i) => row[0] - rows[i][0]);
  const usual = [...steps].sort((a, b) => a - b)[steps.length >> 1];
  const out = [rows[0]];
  steps.forEach((step, i) => {
    if (step > 5 * usual && step > 15000) out.push([rows[i][0] + usual, null, null, null]);
    out.push(rows[i + 1]);
  });
  return out;
}

function columns(rows) {
  const all = with_gaps(rows);
  return [all.map((r) => r[0] / 1000), all.map((r) => r[3]), all.map((r) => r[2]), all.map((r) => r[1])];
}

function y_range(u, low, high) {
  if (low === null || high === null) return [0, 1];
  const least = Math.max(Math.abs(high), 1e-9) * 0.01; // a frozen value is a flat line in the middle
  const room = Math.max((high - low) * 0.12, least / 2);
  return [low - room, high + room];
}

function mark_lines(marks, ink) {
  return (u) => {
    const { ctx } = u;
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const at of marks) {
      const x = Math.round(u.valToPos(at / 1000, 'x', true));
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, u.bbox.top + u.bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };
}

function options({ width, height, marks, sync, on_cursor, span }) {
  const ink = colour('chart');
  const axis = {
    stroke: colour('muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('grid'), width: 1 },
    ticks: { show: false },
  };
  const quiet = { width: 0, points: { show: false } };
  return {
    width,
    height,
    legend: { show: false },
    padding: [6, 10, 0, 0],
    cursor: {
      y: false,
      drag: { setScale: false, x: false, y: false },
      points: { size: (u, i) => (i === 2 ? 7 : 0), fill: ink },
      sync: sync && { key: sync, setSeries: false },
    },
    scales: { x: { range: () => span.current }, y: { range: y_range } },
    series: [
      {},
      { ...quiet },
      { stroke: ink, width: 1.6, points: { size: 4, fill: ink, width: 0 } },
      { ...quiet },
    ],
    bands: [{ series: [1, 3], fill: colour('chart-band') }],
    axes: [
      { ...axis, values: time_labels, size: 20, space: 64, gap: 4 },
      { ...axis, size: 52, gap: 4, space: 28, values: (u, splits) => splits.map((v) => number(v, 5)) },
    ],
    hooks: {
      draw: marks?.length ? [mark_lines(marks, colour('bad'))] : [],
      setCursor: [(u) => on_cursor?.(u.cursor.idx ?? null, u)],
    },
  };
}

// rows: [[t_ms, least, mean, most, ..]]; from, to in ms. on_row: told the row under the cursor, or null.
export function Chart({ rows, from, to, height = 150, marks, sync, label, on_row }) {
  const place = useRef();
  const plot = useRef();
  const span = useRef();
  const tell_row = useRef();
  const latest = useRef();
  latest.current = rows;
  span.current = [from / 1000, to / 1000];
  tell_row.current = on_row;

  useEffect(() => {
    const made = () => {
      const width = place.current.clientWidth || 300;
      const on_cursor = (index, u) => {
        if (index === null || !u.data[2]) return tell_row.current?.(null);
        const [t, most, mean, least] = u.data.map((column) => column[index]);
        return tell_row.current?.(mean === null || mean === undefined ? null : [t * 1000, least, mean, most]);
      };
      plot.current?.destroy();
      plot.current = new uPlot(options({ width, height, marks, sync, on_cursor, span }), columns(latest.current), place.current);
    };
    const stop = painted.subscribe(made);
    const fit = new ResizeObserver(() => {
      const width = place.current?.clientWidth;
      if (width && plot.current && width !== plot.current.width) plot.current.setSize({ width, height });
    });
    fit.observe(place.current);
    return () => {
      stop();
      fit.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [height, sync, String(marks)]);
  useEffect(() => {
    plot.current?.setData(columns(rows));
  }, [rows, from, to]);

  return html`<div class="chart" style="height:${height}px" ref=${place} role="img" aria-label=${label}></div>`;
}
