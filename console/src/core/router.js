// Addresses are #/sites/pump-7/alerts/ID: nothing for the server to know.
import { signal } from '@preact/signals';

const read = () =>
  location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });

export const route = signal(read());
export const to = (...parts) => '#/' + parts.map(encodeURIComponent).join('/');
export const go = (...parts) => (location.hash = to(...parts));

addEventListener('hashchange', () => {
  const before = route.value;
  route.value = read();
  if (before.slice(0, 3).join('/') !== route.value.slice(0, 3).join('/')) scrollTo(0, 0);
});
