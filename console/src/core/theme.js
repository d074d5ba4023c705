// Light, dark, or as the system says. Charts draw on canvas and must hear of a change.
import { effect, signal } from '@preact/signals';

const kKey = 'lander.theme';
export const kThemes = ['system', 'light', 'dark'];
export const theme = signal(localStorage.getItem(kKey) || 'system');
export const painted = signal(0); // counts changes of colours

effect(() => {
  if (theme.value === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(kKey, theme.value);
  painted.value = painted.peek() + 1;
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => ++painted.value);

export const next_theme = () =>
  (theme.value = kThemes[(kThemes.indexOf(theme.value) + 1) % kThemes.length]);
export const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
