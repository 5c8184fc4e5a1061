/** What a person chose for this browser: the language and light or dark. Without a choice, what the browser says. */
export type Language = 'en' | 'zh';
export type Theme = 'auto' | 'light' | 'dark';

const LANGUAGE_KEY = 'shoal.language';
const THEME_KEY = 'shoal.theme';
const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

export function language(): Language {
  const chosen = localStorage.getItem(LANGUAGE_KEY);
  if (chosen === 'en' || chosen === 'zh') return chosen;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function chooseLanguage(chosen: Language): void {
  localStorage.setItem(LANGUAGE_KEY, chosen);
}

export function theme(): Theme {
  const chosen = localStorage.getItem(THEME_KEY);
  return THEMES.find((one) => one === chosen) ?? 'auto';
}

export function chooseTheme(chosen: Theme): void {
  localStorage.setItem(THEME_KEY, chosen);
  applyTheme();
}

export function nextTheme(): Theme {
  return THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? 'auto';
}

/** The style sheet goes by this attribute, and without one by the browser. */
export function applyTheme(): void {
  const chosen = theme();
  if (chosen === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = chosen;
}
