// What the site shall do against what it does, and the editor of the former.
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { may } from '../core/session.js';
import { actor } from '../core/format.js';
import { Card, Empty, Facts, Loaded, Time } from '../parts/basics.js';
import { Badge, ComponentState } from '../parts/badges.js';
import { Editor } from './editor.js';

const kOrder = ['failed', 'refused', 'rolled-back', 'pending', 'applied'];

// On a phone, what is as it shall be needs no more than its name and status.
const plain = (c) => (c.status === 'applied' ? 'none' : '');

const Components = ({ of }) => html`
  <div class="scroll" tabindex="0" role="region" aria-label="Components"><table class="stacked">
    <thead><tr><th>Component</th><th>Status</th><th>Reason</th><th>Shall be</th><th>Is</th><th>Since</th></tr></thead>
    <tbody>
      ${[...of].sort((a, b) => kOrder.indexOf(a.status) - kOrder.indexOf(b.status) || a.id.localeCompare(b.id)).map(
        (c) => html`<tr key=${c.id}>
          <th scope="row"><code>${c.id}</code></th>
          <td data-label="Status"><${ComponentState} of=${c.status} /></td>
          <td data-label="Reason" class=${c.reason ? '' : 'none'}>${c.reason}</td>
          <td data-label="Shall be" class=${plain(c)}><code>${c.desired || (c.status === 'applied' ? '–' : 'absent')}</code></td>
          <td data-label="Is" class=${plain(c)}><code>${c.running || (c.status === 'applied' ? '–' : 'absent')}</code></td>
          <td data-label="Since" class=${plain(c)}><${Time} at=${c.since} none="–" /></td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;

function Revisions({ twin }) {
  const { desired, reported } = twin;
  return html`<${Facts} of=${[
    ['Desired', desired.revision ? `revision ${desired.revision}` : 'nothing yet'],
    ['Made by', desired.revision > 0 && actor(desired.author)],
    ['On', desired.revision > 0 && html`<${Time} at=${desired.created} />`],
    ['Reported', reported.desired_revision ? `revision ${reported.desired_revision}` : 'nothing yet'],
    ['As of', html`<${Time} at=${reported.time} none="–" />`],
    ['Software', reported.software],
  ].map(([k, v]) => [k, v || undefined])} />`;
}

export function Config({ site }) {
  const twin = useData(path`/sites/${site}/twin`, { every: 10000, on: ['twin', 'site'] });
  return html`<${Loaded} from=${twin} what="the configuration">
    ${(t) => {
      const off = t.reported.components.filter((c) => c.status !== 'applied').length;
      const state = t.in_sync
        ? html`<${Badge} level="ok">All as desired<//>`
        : html`<${Badge} level="warn">${off ? `${off} of ${t.reported.components.length} not as desired` : 'The site has not taken this revision yet'}<//>`;
      return html`
        <${Card} title="Desired against reported" side=${state}>
          <${Revisions} twin=${t} />
          ${t.reported.components.length ? html`<${Components} of=${t.reported.components} />` : html`<${Empty}>Nothing runs here yet.<//>`}
        <//>
        <${Card} title=${may('operate') ? 'Edit the desired state' : 'Desired state'}>
          ${may('operate') ? html`<${Editor} site=${site} desired=${t.desired} applied=${twin.reload} />` : html`<pre class="code" tabindex="0">${t.desired.yaml}</pre>`}
        <//>`;
    }}
  <//>`;
}
