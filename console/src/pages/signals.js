// Every datastream with its trend, by asset; one of them large with all that is known of it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { to } from '../core/router.js';
import { may, on_hub } from '../core/session.js';
import { clock, day, number, unit_text, with_unit, words } from '../core/format.js';
import { Ago, Card, Empty, Facts, Loaded, Switch } from '../parts/basics.js';
import { Quality } from '../parts/badges.js';
import { Chart } from '../parts/chart.js';
import { kRanges, useLatest, useSeries } from '../parts/series.js';
import { has_trend, Newest } from '../parts/values.js';

const kRangeKey = 'lander.range';

function useRange() {
  const [range, set] = useState(() => {
    const kept = localStorage.getItem(kRangeKey);
    return kRanges.some(([key]) => key === kept) ? kept : '10m';
  });
  return [range, (key) => (localStorage.setItem(kRangeKey, key), set(key))];
}
const Range = ({ value, onChange }) => html`<${Switch} label="Range" value=${value} options=${kRanges} onChange=${onChange} />`;

// True from when it is first near the screen: a site with a hundred sensors draws what is looked at.
function useSeen() {
  const place = useRef();
  const [seen, set_seen] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => entry.isIntersecting && set_seen(true), { rootMargin: '200px' });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return [place, seen];
}

function why_empty(datastream, range) {
  if (on_hub() && datastream.policy.uplink === 'never') return 'Stays at the site: its policy says uplink: never.';
  return `Nothing in the last ${kRanges.find(([key]) => key === range)[1]}.`;
}

function Trend({ site, datastream, range, height, points, when, children }) {
  const series = useSeries(site, datastream.id, range, points, when);
  const [row, set_row] = useState(null);
  const name = datastream.name || datastream.id;
  return html`${children(row)}
    <div class="trend" style="height:${height}px">
      <${Chart} rows=${series.rows} from=${series.from} to=${series.to} height=${height} sync="signals" on_row=${set_row} label="Trend of ${name}" />
      ${series.error ? html`<p class="over bad-text">${series.error.message}</p>` : series.data && !series.rows.some((row) => row[2] !== null) ? html`<p class="over">${why_empty(datastream, range)}</p>` : ''}
    </div>`;
}

// What stands under the cursor, else what is newest.
function Reading({ datastream, latest, row }) {
  const unit = unit_text(datastream.unit);
  if (row) {
    const [t, least, mean, most] = row;
    const d = new Date(t);
    return html`<p class="reading at-cursor"><b class="num">${number(mean)}</b><span class="unit">${unit}</span>
      <span class="reading-side num">${least !== most && `${number(least)} to ${number(most)} · `}${day(d)}, ${clock(d)}</span></p>`;
  }
  return html`<p class="reading"><b class="num">${number(latest?.value)}</b><span class="unit">${unit}</span>
    <span class="reading-side"><${Quality} of=${latest?.quality} /> <${Ago} at=${latest?.time} none="no data yet" /></span></p>`;
}

// Of what is no number: no trend, but what came last.
const Last = ({ site, datastream, latest, range }) => html`
  <p class="reading"><span class="unit">${words(datastream.kind)}</span><span class="reading-side"><${Quality} of=${latest?.quality} /> <${Ago} at=${latest?.time} none="no data yet" /></span></p>
  ${latest ? html`<${Newest} datastream=${datastream} latest=${latest} site=${site} />` : html`<p class="hint">${on_hub() ? why_empty(datastream, range) : ''}</p>`}`;

function SignalCard({ site, datastream, latest, range }) {
  const [place, seen] = useSeen();
  if (!has_trend(datastream.kind)) {
    return html`<li class="card signal" ref=${place}>
      <h3><a href=${to('sites', site, 'signals', datastream.id)}>${datastream.name || words(datastream.property)}</a></h3>
      ${seen && html`<${Last} site=${site} datastream=${datastream} latest=${latest} range=${range} />`}
    </li>`;
  }
  return html`<li class="card signal" ref=${place}>
    <${Trend} site=${site} datastream=${datastream} range=${range} height=${132} points=${200} when=${seen}>
      ${(row) => html`<h3><a href=${to('sites', site, 'signals', datastream.id)}>${datastream.name || words(datastream.property)}</a></h3>
        <${Reading} datastream=${datastream} latest=${latest} row=${row} />`}
    <//>
  </li>`;
}

const limits = (range, unit) => range && `${range[0] ?? '–'} to ${range[1] ?? '–'} ${unit_text(unit)}`;
const about = (d) => [
  ['Id', html`<code>${d.id}</code>`],
  ['Asset', d.asset],
  ['Property', words(d.property)],
  ['Unit', d.unit && html`<code title="UCUM">${d.unit}</code>`],
  ['Kind', d.kind],
  ['Possible range', limits(d.range, d.unit)],
  ['Sensor', [d.sensor.name, d.sensor.model, d.sensor.serial && `no. ${d.sensor.serial}`].filter(Boolean).join(', ')],
  ['Calibration', (d.calibration.scale !== 1 || d.calibration.offset !== 0) && `× ${number(d.calibration.scale)} ${d.calibration.offset < 0 ? '−' : '+'} ${number(Math.abs(d.calibration.offset))} ${d.calibration.date}`],
  ['Location', d.location && `${d.location.latitude}, ${d.location.longitude}`],
  ['Leaves the site as', { never: 'nothing: it stays', summary: 'minute summaries', raw: 'every value' }[d.policy.uplink]],
  ['When the disk fills', d.policy.thinning?.map((s) => `beyond ${s.beyond}: ${s.keep === 'nothing' ? 'nothing is kept' : `only ${s.keep}`}`).join('; ')],
  ['Source', html`<code>${d.source} · ${d.address}</code>`],
  ['Revision', d.revision],
];

const One = ({ site, datastream, latest, range }) => html`
  <${Card} kind="signal big">
    ${has_trend(datastream.kind)
      ? html`<${Trend} key=${datastream.id} site=${site} datastream=${datastream} range=${range} height=${340} points=${600} when=${true}>
      ${(row) => html`<h2>${datastream.name || words(datastream.property)}</h2><${Reading} datastream=${datastream} latest=${latest} row=${row} />`}
    <//>
    <p class="hint">Line: mean. Band: least to most.</p>`
      : html`<h2>${datastream.name || words(datastream.property)}</h2><${Last} site=${site} datastream=${datastream} latest=${latest} range=${range} />`}
  <//>
  <${Card} title="What it is"><${Facts} of=${about(datastream).map(([k, v]) => [k, v || undefined])} /><//>`;

function All({ site, datastreams, latest, range }) {
  const assets = [...new Set(datastreams.map((d) => d.asset))].sort();
  return assets.map(
    (asset) => html`<section key=${asset} class="asset" aria-label=${asset}>
      <h2 class="asset-name">${asset.split('/').map((part, i, all) => html`<span class=${i === all.length - 1 ? 'last' : ''}>${part}</span>`)}</h2>
      <ul class="signals">${datastreams.filter((d) => d.asset === asset).map((d) => html`<${SignalCard} key=${d.id} site=${site} datastream=${d} latest=${latest[d.id]} range=${range} />`)}</ul>
    </section>`,
  );
}

const Nothing = ({ site }) => html`<${Empty}><b>No datastreams yet.</b><br />
  ${on_hub() || !may('operate') ? 'They appear when an operator declares them.' : html`See what the sources offer on <a href=${to('sites', site, 'discover')}>Discover</a>, or write a <a href=${to('sites', site, 'config')}>configuration</a>.`}<//>`;

export function Signals({ site, only }) {
  const [range, set_range] = useRange();
  const [search, set_search] = useState('');
  const datastreams = useData(path`/sites/${site}/datastreams`, { every: on_hub() ? 10000 : 30000, on: ['twin'] });
  const latest = useLatest(datastreams.data);
  const matches = (d) => `${d.id} ${d.name} ${d.asset} ${d.property}`.toLowerCase().includes(search.trim().toLowerCase());
  return html`
    <div class="bar">
      <${Range} value=${range} onChange=${set_range} />
      ${only
        ? html`<a href=${to('sites', site, 'signals')}>← All signals</a>`
        : html`<input class="search" type="search" placeholder="Find a signal" aria-label="Find a signal" value=${search} onInput=${(e) => set_search(e.target.value)} />`}
    </div>
    <${Loaded} from=${datastreams} what="the datastreams">
      ${(list) => {
        if (list.length === 0) return html`<${Nothing} site=${site} />`;
        const one = only && list.find((d) => d.id === only);
        if (one) return html`<${One} site=${site} datastream=${one} latest=${latest[only]} range=${range} />`;
        if (only) return html`<${Empty}>There is no datastream "${only}" at this site.<//>`;
        const shown = list.filter(matches);
        return shown.length ? html`<${All} site=${site} datastreams=${shown} latest=${latest} range=${range} />` : html`<${Empty}>No signal matches.<//>`;
      }}
    <//>`;
}
