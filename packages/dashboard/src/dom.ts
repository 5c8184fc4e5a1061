/**
 * Elements from plain calls. Text becomes text nodes and nothing else, so what hosts and registries say cannot become
 * markup.
 */
export type Child = Node | string | number | false | null | undefined;

type Listener = (event: never) => void;
/** `on…` listens, booleans set or leave out, the rest are attributes. */
export type Attributes = Record<string, string | number | boolean | undefined | Listener>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  add(element, children);
  return element;
}

function add(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child !== undefined && child !== null && child !== false)
      parent.append(child instanceof Node ? child : String(child));
  }
}

export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  add(parent, children);
}

/** Writes only what differs: the focus, the selection and who listens are left in peace. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export interface Row<T> {
  element: HTMLElement;
  update(item: T): void;
}

/** Keeps a parent's children those of the items, in their order; who stays is updated in place. */
export function keyedList<T>(parent: HTMLElement, keyOf: (item: T) => string, create: (item: T) => Row<T>) {
  const rows = new Map<string, Row<T>>();
  return (items: readonly T[]): void => {
    const wanted = new Set(items.map(keyOf));
    for (const [key, row] of rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      rows.delete(key);
    }
    items.forEach((item, index) => {
      const key = keyOf(item);
      const row = rows.get(key) ?? create(item);
      rows.set(key, row);
      row.update(item);
      if (parent.children[index] !== row.element) parent.insertBefore(row.element, parent.children[index] ?? null);
    });
  };
}
