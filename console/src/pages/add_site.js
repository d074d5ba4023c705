import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction } from '../core/data.js';
import { Button, copy, Field, Problem, Time } from '../parts/basics.js';
import { Dialog } from '../parts/dialog.js';
import { tell } from '../parts/toast.js';

const Copyable = ({ label, text }) => {
  const take = async () => tell((await copy(text)) ? `${label} copied.` : 'Copying is not allowed here: select the text instead.');
  return html`<div class="copyable"><span class="field-label">${label}</span>
    <div class="copy-row"><pre tabindex="0">${text}</pre><${Button} kind="small" onClick=${take}>Copy<//></div>
  </div>`;
};

const Admitted = ({ of, onClose }) => html`
  <p>Run this on the machine of <b>${of.site}</b>. The token works once and until <${Time} at=${of.expires} />; it is not shown again.</p>
  <${Copyable} label="Command" text=${of.enrol} />
  <${Copyable} label="Token" text=${of.token} />
  <div class="buttons end"><${Button} kind="primary" onClick=${onClose}>Done<//></div>`;

export function AddSite({ onClose }) {
  const [site, set_site] = useState('');
  const [valid, set_valid] = useState('24h');
  const [admitted, set_admitted] = useState(null);
  const admit = useAction(() => post(path`/sites`, { site: site.trim(), valid_for: valid }));
  const submit = async (event) => {
    event.preventDefault();
    const answer = await admit.run();
    if (answer) set_admitted(answer);
  };
  return html`<${Dialog} title="Add a site" onClose=${onClose}>
    ${admitted
      ? html`<${Admitted} of=${admitted} onClose=${onClose} />`
      : html`<form onSubmit=${submit}>
          <${Field} label="Name" hint="1 to 63 of a-z 0-9 . _ - ; it stays for life">
            <input required maxlength="63" autocapitalize="none" spellcheck="false" value=${site} onInput=${(e) => set_site(e.target.value)} />
          <//>
          <${Field} label="The token works for">
            <select value=${valid} onChange=${(e) => set_valid(e.target.value)}>
              <option value="1h">1 hour</option><option value="24h">1 day</option><option value="7d">7 days</option>
            </select>
          <//>
          <${Problem} error=${admit.error} />
          <div class="buttons end"><${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" type="submit" busy=${admit.busy}>Make a token<//></div>
        </form>`}
  <//>`;
}
