// A dialog of the browser's own: keeps the keyboard inside, Escape closes, the page behind is inert.
import { useEffect, useRef } from 'preact/hooks';
import { html } from '../core/html.js';
import { Button } from './basics.js';

export function Dialog({ title, onClose, children }) {
  const element = useRef();
  useEffect(() => {
    element.current.showModal();
  }, []);
  const outside = (event) => event.target === element.current && onClose();
  return html`<dialog ref=${element} aria-label=${title} onClose=${onClose} onMouseDown=${outside}>
    <div class="dialog">
      <header class="card-head"><h2>${title}</h2><${Button} kind="plain" aria-label="Close" onClick=${onClose}>✕<//></header>
      ${children}
    </div>
  </dialog>`;
}
