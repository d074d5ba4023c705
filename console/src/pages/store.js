// How the site's store does: how large, how long its room lasts, what was lost or let go.
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { on_hub } from '../core/session.js';
import { bytes, moment, number } from '../core/format.js';
import { Ago, Card, Empty, Facts, Loaded, Meter, Time } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';
import { Pickup } from './pickup.js';

export const kSoonFull = 14; // days

const kIncidents = {
  damaged: ['bad', 'Damaged'],
  thinned: ['info', 'Thinned'],
  'disk-full': ['warn', 'Disk was full'],
  'disk-failed': ['bad', 'Disk failed'],
  wiped: ['info', 'Wiped'],
};

const many = (n) => (n >= 1e7 ? `${number(n / 1e6)} million` : number(n));

export function days_text(days) {
  if (days >= 730) return `${number(Math.floor(days / 365))} years`;
  if (days >= 2) return `${number(Math.floor(days))} days`;
  return days >= 1 ? '1 day' : 'Less than a day';
}

function State({ damaged, days }) {
  if (damaged > 0) return html`<${Badge} level="bad">Some data is damaged<//>`;
  if (days !== null && days !== undefined && days < kSoonFull) return html`<${Badge} level="warn">Full in ${days_text(days).toLowerCase()}<//>`;
  return html`<${Badge} level="ok">Well<//>`;
}

const Figure = ({ value, text, hint, level = '' }) => html`<div class="figure ${level}" title=${hint}><b class="num">${value}</b><span>${text}</span></div>`;

function Figures({ size, each, days, rate, oldest }) {
  const soon = days < kSoonFull && days !== null && days !== undefined;
  const left = days ?? null;
  return html`<div class="figures">
    <${Figure} value=${bytes(size)} text="stored" hint="The database, its log and its objects" />
    <${Figure} value=${each > 0 ? number(each, 3) : '–'} text="bytes an observation" hint="Everything counted, of what is compacted" />
    <${Figure} value=${left === null ? (rate === undefined || rate === null ? 'Unknown' : 'No end') : days_text(left)} level=${soon ? 'warn' : ''}
      text=${left === null && (rate === undefined || rate === null) ? 'how long the room lasts' : 'of room left'}
      hint=${left === null ? 'Known when a day has passed in which it grew' : `At the last day’s rate${rate > 0 ? `: ${bytes(rate)} a day` : ''}`} />
    <${Figure} value=${oldest ? html`<${Ago} at=${oldest} />` : '–'} text="oldest observation" />
  </div>`;
}

const affected = (i) => (i.from ? html`<span class="range">${moment(i.from)} – ${moment(i.to)}</span>` : '–');

const Incidents = ({ of }) => html`<div class="scroll" tabindex="0" role="region" aria-label="What happened to stored data"><table class="stacked">
  <thead><tr><th>What</th><th>Datastream</th><th>From, to</th><th class="right">Observations</th><th>Noted</th></tr></thead>
  <tbody>${of.map((i) => {
    const [level, text] = kIncidents[i.kind] ?? ['off', i.kind];
    return html`<tr key=${i.id} title=${i.detail}><th scope="row"><${Badge} level=${level}>${text}<//></th>
      <td data-label="Datastream">${i.datastream ? html`<code>${i.datastream}</code>` : 'all'}</td>
      <td data-label="From, to">${affected(i)}</td><td class="right num" data-label="Observations">${number(i.observations)}</td><td data-label="Noted"><${Time} at=${i.time} /></td></tr>`;
  })}</tbody>
</table></div>`;

function Whole({ of }) {
  const b = of.bytes;
  const size = b.database + b.log + b.objects;
  return html`
    <${Card} kind="store" title="Store" side=${html`<${State} damaged=${of.damaged} days=${of.days_left} />`}>
      <${Figures} size=${size} each=${of.bytes_per_observation} days=${of.days_left} rate=${of.bytes_per_day} oldest=${of.oldest} />
      ${b.disk_free > 0 && html`<${Meter} label="Room used" share=${size / (size + b.disk_free)} text=${`${bytes(b.disk_free)} free`} />`}
      <${Facts} of=${[
        ['Observations', many(of.observations)],
        ['Not compacted yet', `${many(of.tail.observations)} (${bytes(of.tail.bytes)})`],
        ['Free within it', bytes(b.unused)],
        ['Objects', of.objects ? `${number(of.objects)} (${bytes(b.objects)})` : undefined],
        ['Thinned for room', many(of.thinned)],
        ['Damaged', many(of.damaged)],
        ['Carried off and wiped', of.wiped ? many(of.wiped) : undefined],
      ]} />
    <//>
    <${Card} title="What happened to stored data">
      ${of.incidents.length ? html`<${Incidents} of=${of.incidents} />` : html`<${Empty}>Nothing was lost, thinned or refused.<//>`}
    <//>`;
}

// What the site's last contact told.
const Told = ({ of: v }) => html`
  <${Card} kind="store" title="Store" side=${v.store_bytes > 0 && html`<${State} damaged=${v.store_damaged} days=${v.store_days_left} />`}>
    ${v.store_bytes > 0
      ? html`<${Figures} size=${v.store_bytes} each=${v.store_bytes_each} days=${v.store_days_left} oldest=${v.store_oldest_s > 0 ? v.store_oldest_s * 1000 : null} />
          <${Facts} of=${[
            ['Thinned for room', many(v.store_thinned)],
            ['Damaged', many(v.store_damaged)],
          ]} />`
      : html`<${Empty}>The site has not told of its store yet.<//>`}
  <//>`;

function AtSite({ site }) {
  const state = useData(path`/sites/${site}/store`, { every: 15000, on: ['alert'] });
  return html`<${Loaded} from=${state} what="the store">${(of) => html`<${Whole} of=${of} />`}<//>
    <${Pickup} site=${site} />`;
}

function AtHub({ site }) {
  const state = useData(path`/sites/${site}`, { every: 15000, on: ['site'] });
  return html`<${Loaded} from=${state} what="the store">${(of) => html`<${Told} of=${of.vitals || {}} />`}<//>`;
}

export const Store = ({ site }) => (on_hub() ? html`<${AtHub} site=${site} />` : html`<${AtSite} site=${site} />`);
