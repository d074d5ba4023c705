// The desired state as text: checked on the server first, applied only as it was checked.
import { useRef, useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction } from '../core/data.js';
import { count } from '../core/format.js';
import { Button } from '../parts/basics.js';
import { tell } from '../parts/toast.js';

// "desired.yaml:12:5: what was expected" -> { line, column, text }
export function parse_mistake(text) {
  const match = /^(?:[^:\n]*):(\d+):(\d+):\s*(.*)$/s.exec(text);
  return match ? { line: Number(match[1]), column: Number(match[2]), text: match[3] } : { text };
}
export const mistakes_of = (error) => (error?.body?.mistakes?.length ? error.body.mistakes : error ? [error.message] : []).map(parse_mistake);

export const Changes = ({ of, done }) =>
  of.length
    ? html`<ul class="changes">${of.map((change) => html`<li>${change}</li>`)}</ul>`
    : html`<p class="note">${done ? 'Nothing was changed.' : 'This changes nothing.'}</p>`;

function Mistakes({ of, jump }) {
  return html`<div class="problem block" role="alert">
    <b>${count(of.length, 'mistake')}; nothing was changed.</b>
    <ul class="mistakes">
      ${of.map((m) => html`<li>${m.line ? html`<button type="button" class="link" onClick=${() => jump(m)}>Line ${m.line}, column ${m.column}</button>: ` : ''}${m.text}</li>`)}
    </ul>
  </div>`;
}

function Text({ area, text, marks, onInput }) {
  const gutter = useRef();
  const lines = text.split('\n').length;
  const scroll = () => (gutter.current.scrollTop = area.current.scrollTop);
  return html`<div class="editor">
    <div class="gutter-place"><pre class="gutter" ref=${gutter} aria-hidden="true">${Array.from({ length: lines }, (_, i) => html`<span class=${marks.has(i + 1) ? 'mark' : ''}>${i + 1}\n</span>`)}</pre></div>
    <textarea ref=${area} aria-label="Desired state in YAML" spellcheck="false" autocapitalize="none" wrap="off" rows=${Math.min(30, Math.max(14, lines + 1))}
      value=${text} onScroll=${scroll} onInput=${(e) => onInput(e.target.value)}></textarea>
  </div>`;
}

export function Editor({ site, desired, applied }) {
  const area = useRef();
  const [base, set_base] = useState(desired);
  const [text, set_text] = useState(desired.yaml);
  const [checked, set_checked] = useState(null); // { text, changes }
  const send = useAction((body, dry_run) => post(path`/sites/${site}/desired`, body, { dry_run: dry_run ? 1 : '', file: 'desired.yaml' }));
  const mistakes = mistakes_of(send.error);
  const edited = text !== base.yaml;
  const is_checked = checked?.text === text;

  const write = (next) => {
    set_text(next);
    if (send.error) send.forget();
  };
  const check = async () => {
    const answer = await send.run(text, true);
    set_checked(answer ? { text, changes: answer.changes } : null);
  };
  const apply = async () => {
    const answer = await send.run(text, false);
    if (!answer) return;
    tell(`Revision ${answer.revision} is made.`);
    set_checked(null);
    set_base({ ...base, yaml: text, revision: answer.revision });
    applied();
  };
  const reload = () => {
    set_base(desired);
    set_text(desired.yaml);
    set_checked(null);
    send.forget();
  };
  const jump = ({ line, column }) => {
    const at = text.split('\n').slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0) + column - 1;
    area.current.focus();
    area.current.setSelectionRange(at, at);
    area.current.scrollTop = (line - 4) * (area.current.scrollHeight / text.split('\n').length);
  };

  return html`
    ${desired.revision !== base.revision && html`<p class="notice">${edited ? `Revision ${desired.revision} was made meanwhile; applying this text would undo it where they differ. ` : `Revision ${desired.revision} is there. `}<${Button} kind="small" onClick=${reload}>Show it<//></p>`}
    <${Text} area=${area} text=${text} marks=${new Set(mistakes.map((m) => m.line))} onInput=${write} />
    ${mistakes.length > 0 && html`<${Mistakes} of=${mistakes} jump=${jump} />`}
    ${is_checked && html`<div class="checked" role="status"><b>${checked.changes.length ? 'Applying this will:' : 'Checked.'}</b><${Changes} of=${checked.changes} /></div>`}
    <div class="buttons">
      <${Button} kind=${is_checked ? '' : 'primary'} busy=${send.busy} onClick=${check}>Check<//>
      <${Button} kind=${is_checked ? 'primary' : ''} busy=${send.busy} disabled=${!is_checked || checked.changes.length === 0} onClick=${apply}>Apply<//>
      ${edited && html`<${Button} busy=${send.busy} onClick=${reload}>Undo my edits<//>`}
    </div>
    <p class="hint">Check first: it says what would change, or each mistake with its line. A section that is absent stays as it is.</p>`;
}
