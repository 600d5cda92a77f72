/** What the reader chose; `auto` follows the system. */
export type Theme = 'auto' | 'light' | 'dark';

const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];
const KEY = 'edict-theme';

/** The choice of an earlier visit. */
export function storedTheme(storage: Pick<Storage, 'getItem'>): Theme {
  const stored = storage.getItem(KEY);
  return THEMES.find((theme) => theme === stored) ?? 'auto';
}

/** Keeps a choice for later visits. */
export function storeTheme(storage: Pick<Storage, 'setItem'>, theme: Theme): void {
  storage.setItem(KEY, theme);
}

/** The one after, in the order in which the button goes through them. */
export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
}

/** Tells the style sheet. */
export function applyTheme(root: { readonly dataset: DOMStringMap }, theme: Theme): void {
  root.dataset['theme'] = theme;
}
