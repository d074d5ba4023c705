// The ways to the hub, as the site sees them: what waits, where it is, what went, what never goes.
import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { bytes, count, duration, number } from '../core/format.js';
import { Ago, Button, Card, Empty, Facts, Loaded, Meter, now } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';

const kLanes = { alert: 'Alerts', state: 'State', summary: 'Summaries', bulk: 'Raw values', pickup: 'For a courier' };
const kUplink = { never: ['off', 'Never: it stays here'], summary: ['info', 'Minute summaries'], raw: ['info', 'Every value'] };
const kGone = { expired: 'too old to be of use', thinned: 'dropped for room', superseded: 'newer ones say it all', lost: 'damaged' };
const kFirst = 8; // items shown before somebody asks for all

// What each answer means, for people.
const kWhy = {
  next: 'goes with the next message',
  'under-way': 'sent, no receipt yet',
  'told-in-brief': 'told in brief; the whole goes by another',
  'no-contact': 'no contact by its plan',
  down: 'no contact',
  'budget-spent': 'today’s bytes are spent',
  'too-large': 'larger than a message',
  'too-costly': 'costs more than it is worth',
  'cheaper-first': 'a cheaper one tries first',
  'no-brief': 'takes alerts in brief only',
  'behind-others': 'others go first',
  'by-courier': 'goes by courier only',
};

const Scroll = ({ label, children }) => html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="stacked">${children}</table></div>`;

function state_of(link) {
  if (!link.enrolled) return html`<${Badge} level="off">Not enrolled<//>`;
  return link.connected ? html`<${Badge} level="ok">Connected<//>` : html`<${Badge} level="warn">Not connected<//>`;
}

function clock_text(us) {
  if (Math.abs(us) < 1000) return 'agrees with the best known time';
  return `${number(Math.abs(us) / 1e6, 3)} s ${us > 0 ? 'behind' : 'ahead of'} the best known time`;
}

// ---------------------------------------------------------------- carriers

function carrier_state(c) {
  if (c.next_contact) return ['info', html`Contact <${Ago} at=${c.next_contact} />`];
  if (c.connected) return ['ok', 'Up'];
  return c.reason ? ['warn', 'Down'] : ['off', 'Not tried yet'];
}

const Budget = ({ of: c }) => c.budget !== null && html`<${Meter} label="Today’s bytes" share=${1 - c.budget_left / c.budget} text="${bytes(c.budget_left)} of ${bytes(c.budget)} left" />`;

const Carrier = ({ of: c }) => {
  const [level, text] = carrier_state(c);
  return html`<li class="carrier">
    <header class="card-head"><h3>${c.id}</h3><${Badge} level=${level}>${text}<//></header>
    ${c.id !== c.type && html`<p class="muted">${c.type}${c.brief ? ', alerts in brief' : ''}</p>`}
    <${Facts} of=${[
      ['Last contact', html`<${Ago} at=${c.last_contact} />`],
      ['Next try', c.next_try_s > 0 && !c.next_contact && (c.connected || c.reason) ? `in ${duration(c.next_try_s)}` : undefined],
      ['Pace', c.bytes_a_second > 0 ? `${bytes(c.bytes_a_second)}/s` : 'not known yet'],
      ['Price', c.price > 0 ? `${number(c.price * 1000)} a kB` : 'none'],
      ['Bytes a day', c.budget === null ? 'no limit' : undefined],
    ]} />
    <${Budget} of=${c} />
    ${c.reason && html`<p class="why">${c.reason}</p>`}
  </li>`;
};

// ---------------------------------------------------------------- lanes

// The forecast goes by steps of ten minutes.
function empty_text(lane, link) {
  if (!lane.waiting) return '–';
  if (lane.lane === 'pickup') return 'when a courier comes';
  if (!lane.drained && !link.carriers.some((c) => c.bytes_a_second > 0)) return 'not known yet';
  if (!lane.drained) return html`<span class="warn-text">not at this pace</span>`;
  const s = (Date.parse(lane.drained) - now.value) / 1000;
  const planned = link.connected || link.carriers.some((c) => c.next_contact);
  return `${s < 660 ? 'within 10\u00a0min' : `in ${duration(s)}`}${planned ? '' : ', if there is contact'}`;
}

const Gone = ({ of }) =>
  of.map((range) => {
    const n = range.last - range.first + 1;
    const which = n === 1 ? `number ${range.first}` : `numbers ${range.first} to ${range.last}`;
    return html`<span class="gone" title=${which}><span class="num">${number(n)}</span>: ${kGone[range.why] ?? range.why}</span>`;
  });

const Lanes = ({ of: link }) => html`<${Scroll} label="What waits">
  <thead><tr><th>What</th><th class="right">Waiting</th><th class="right">Bytes</th><th>Oldest</th><th>Empty</th><th>Gone unsent</th></tr></thead>
  <tbody>${link.lanes.map((lane) => html`<tr key=${lane.lane}><th scope="row">${kLanes[lane.lane] ?? lane.lane}</th>
    <td class="right num" data-label="Waiting">${number(lane.waiting)}</td>
    <td class="right num ${lane.waiting ? '' : 'none'}" data-label="Bytes">${lane.waiting ? `${bytes(lane.bytes)}${lane.more ? ' and more' : ''}` : '–'}</td>
    <td class=${lane.waiting ? '' : 'none'} data-label="Oldest">${lane.waiting ? html`<${Ago} at=${lane.oldest} none="–" />` : '–'}</td>
    <td class=${lane.waiting ? '' : 'none'} data-label="Empty">${empty_text(lane, link)}</td>
    <td class=${lane.gone.length ? '' : 'none'} data-label="Gone unsent">${lane.gone.length ? html`<div><${Gone} of=${lane.gone} /></div>` : '–'}</td></tr>`)}</tbody>
<//>`;

// ---------------------------------------------------------------- where each item is

function Where({ item }) {
  const way = item.under_way;
  if (way) return html`Sent over ${way.carrier} <${Ago} at=${way.since} />; again <${Ago} at=${way.again} /> if no receipt comes`;
  return Object.entries(item.carriers).map(([id, why]) => html`<span class="gone"><b>${id}</b> ${kWhy[why] ?? why}</span>`);
}

function Trace({ of }) {
  const [all, set_all] = useState(false);
  const shown = all ? of : of.slice(0, kFirst);
  return html`<${Scroll} label="Where each item is">
      <thead><tr><th>Item</th><th>Says</th><th class="right">Bytes</th><th class="right">Worth</th><th>Made</th><th>Where it is</th></tr></thead>
      <tbody>${shown.map((item) => html`<tr key="${item.lane}/${item.number}"><th scope="row" class="num">${item.lane}/${item.number}</th>
        <td data-label="Says"><div><code>${item.type}</code>${item.subject && html` ${item.subject}`}</div></td>
        <td class="right num" data-label="Bytes">${bytes(item.bytes)}</td><td class="right num" data-label="Worth">${number(item.worth)}</td>
        <td data-label="Made"><${Ago} at=${item.created} /></td><td data-label="Where it is"><div><${Where} item=${item} /></div></td></tr>`)}</tbody>
    <//>
    ${of.length > shown.length && html`<${Button} kind="small" onClick=${() => set_all(true)}>Show all ${count(of.length, 'item')}<//>`}`;
}

// ---------------------------------------------------------------- the page

const Audit = ({ of }) => html`<${Scroll} label="What left the site">
  <thead><tr><th>Datastream</th><th>May leave as</th><th class="right">Stored here</th><th class="right">Values sent</th><th class="right">Summaries sent</th></tr></thead>
  <tbody>${of.map((d) => {
    const [level, text] = kUplink[d.uplink] ?? ['off', d.uplink];
    return html`<tr key=${d.datastream}><th scope="row"><code>${d.datastream}</code></th><td data-label="May leave as"><${Badge} level=${level}>${text}<//></td>
      <td class="right num" data-label="Stored here">${number(d.observations_stored)}</td><td class="right num" data-label="Values sent">${number(d.raw_sent)}</td><td class="right num" data-label="Summaries sent">${number(d.summaries_sent)}</td></tr>`;
  })}</tbody>
<//>`;

const Alone = () => html`<${Empty}><b>This site works by itself: nothing leaves it.</b><br />
  To have it at a hub, add a site there and run the command that it gives:<br /><code>lander-site enrol --hub URL --token TOKEN</code><//>`;

const Hub = ({ of: l }) => html`
  ${!l.connected && html`<p class="notice">There is no contact with the hub. What waits is kept, and leaves when there is.</p>`}
  <${Facts} of=${[
    ['Hub', l.hub],
    ['Over', l.carrier || undefined],
    ['Last contact', html`<${Ago} at=${l.last_contact} />`],
    ['Clock', clock_text(l.clock_offset_us)],
  ]} />
  <ul class="carriers">${l.carriers.map((c) => html`<${Carrier} key=${c.id} of=${c} />`)}</ul>`;

export function Link({ site }) {
  const link = useData(path`/sites/${site}/link`, { every: 5000 });
  const enrolled = link.data?.enrolled;
  const trace = useData(enrolled ? path`/sites/${site}/link/trace` : null, { every: 5000 });
  const audit = useData(path`/sites/${site}/link/audit`, { every: 30000 });
  return html`
    <${Card} kind="link-state" title="Link to the hub" side=${link.data && state_of(link.data)}>
      <${Loaded} from=${link} what="the link">${(l) => (l.enrolled ? html`<${Hub} of=${l} />` : html`<${Alone} />`)}<//>
    <//>
    ${enrolled && html`
      <${Card} kind="lanes" title="What waits"><${Lanes} of=${link.data} /><//>
      <${Card} kind="trace" title="Where each item is">
        <${Loaded} from=${trace} what="the items">${(list) => (list.length ? html`<${Trace} of=${list} />` : html`<${Empty}>Nothing waits: the hub has a receipt for all that left.<//>`)}<//>
      <//>`}
    <${Card} title="What left the site">
      <${Loaded} from=${audit} what="the audit">${(list) => (list.length ? html`<${Audit} of=${list} />` : html`<${Empty}>No datastreams yet.<//>`)}<//>
    <//>`;
}
