// Questions to the lake in SQL.
import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction } from '../core/data.js';
import { count, number } from '../core/format.js';
import { Button, Card, Empty, Problem } from '../parts/basics.js';

const kKey = 'lander.sql';
const kShown = 500; // rows in the page; the file has all
const kExamples = [
  ['What is there', 'SELECT site, asset, property, unit, count(*) AS n, max(time) AS newest\nFROM observation GROUP BY ALL ORDER BY site, asset, property'],
  ['Minutes', 'SELECT time, site, datastream, sum_value / good_count AS mean, min_value, max_value, unit\nFROM summary ORDER BY time DESC LIMIT 100'],
  ['Alerts', 'SELECT * FROM alert_event ORDER BY time DESC LIMIT 100'],
];

const text_of = (cell) => (cell === null || cell === undefined ? '' : typeof cell === 'object' ? JSON.stringify(cell) : String(cell));
const csv_cell = (cell) => {
  const text = text_of(cell);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
};
export const to_csv = ({ columns, rows }) => [columns.map((c) => c.name), ...rows].map((row) => row.map(csv_cell).join(',')).join('\r\n') + '\r\n';

function download(result) {
  const url = URL.createObjectURL(new Blob([to_csv(result)], { type: 'text/csv' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: 'lander.csv' });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const is_number = (type) => /INT|DOUBLE|FLOAT|DECIMAL|REAL/.test(type);
const Cell = ({ cell, column }) =>
  cell === null ? html`<td class="muted">null</td>` : html`<td class=${is_number(column.type) ? 'right num' : ''}>${text_of(cell)}</td>`;

function Result({ of }) {
  const side = html`<span class="muted num">${count(of.rows.length, 'row')}${of.truncated ? ', cut off' : ''} · ${number(of.ms)} ms</span><${Button} kind="small" onClick=${() => download(of)}>CSV<//>`;
  return html`<${Card} title="Result" side=${side}>
    ${of.rows.length === 0
      ? html`<${Empty}>No rows.<//>`
      : html`<div class="scroll" tabindex="0" role="region" aria-label="Result"><table class="result">
          <thead><tr>${of.columns.map((c) => html`<th class=${is_number(c.type) ? 'right' : ''} title=${c.type}>${c.name}</th>`)}</tr></thead>
          <tbody>${of.rows.slice(0, kShown).map((row) => html`<tr>${row.map((cell, i) => html`<${Cell} cell=${cell} column=${of.columns[i]} />`)}</tr>`)}</tbody>
        </table></div>`}
    ${of.rows.length > kShown && html`<p class="hint">The first ${kShown} rows; the CSV file has all ${number(of.rows.length)}.</p>`}
  <//>`;
}

export function Sql() {
  const [text, set_text] = useState(() => localStorage.getItem(kKey) || kExamples[0][1]);
  const [result, set_result] = useState(null);
  const query = useAction(() => post(path`/sql`, { sql: text }));
  const run = async () => {
    localStorage.setItem(kKey, text);
    set_result((await query.run()) ?? null);
  };
  const key = (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run();
  };
  return html`
    <div class="page-head"><h1>SQL</h1></div>
    <${Card}>
      <textarea class="code" aria-label="SQL" rows="6" spellcheck="false" autocapitalize="none" value=${text} onInput=${(e) => set_text(e.target.value)} onKeyDown=${key}></textarea>
      <div class="buttons">
        <${Button} kind="primary" busy=${query.busy} onClick=${run}>${query.busy ? 'Running …' : 'Run'}<//><span class="hint">or Ctrl + Enter</span><span class="grow"></span>
        ${kExamples.map(([name, sql]) => html`<${Button} kind="small" onClick=${() => set_text(sql)}>${name}<//>`)}
      </div>
      <p class="hint">Tables: <code>observation</code>, <code>summary</code>, <code>alert_event</code>. The lake holds what the sites' policies let out; new rows appear within seconds.</p>
      <${Problem} error=${query.error} />
    <//>
    ${result && html`<${Result} of=${result} />`}`;
}
