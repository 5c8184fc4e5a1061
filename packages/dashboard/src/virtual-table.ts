/**
 * A table of any length of which only the rows in sight are elements. Its rows have one height, its columns are a grid.
 */
import { type Child, fill, h } from './dom.ts';

export interface Column<T> {
  title: string;
  /** A width of CSS grid: `2fr`, `6rem`. */
  width: string;
  cell(row: T): Child;
}

/** An array, or what has only some of its rows here: the others are drawn empty. */
export interface Rows<T> {
  length: number;
  at(index: number): T | undefined;
}

export interface VirtualTable<T> {
  element: HTMLElement;
  set(rows: Rows<T>): void;
}

const ROW_PX = 32;
const SPARE_ROWS = 8;

/** `inSight` is told which rows are looked at, whenever they are drawn. */
export function virtualTable<T>(
  label: string,
  columns: readonly Column<T>[],
  inSight: (first: number, count: number) => void = () => {},
): VirtualTable<T> {
  let rows: Rows<T> = [];
  const template = columns.map(({ width }) => (width.endsWith('fr') ? `minmax(5rem, ${width})` : width)).join(' ');
  const line = (index: number, cells: Child[], role: string): HTMLElement => {
    const element = h(
      'div',
      { class: 'vrow', role: 'row', 'aria-rowindex': index + 1 },
      ...cells.map((cell) =>
        h('div', { role, class: 'vcell', title: typeof cell === 'string' ? cell : undefined }, cell),
      ),
    );
    element.style.gridTemplateColumns = template;
    return element;
  };
  const head = line(
    0,
    columns.map(({ title }) => title),
    'columnheader',
  );
  head.classList.add('vhead');
  const body = h('div', { class: 'vbody', role: 'rowgroup' });
  const space = h('div', { class: 'vspace', role: 'presentation' }, body);
  const element = h('div', { class: 'vtable', role: 'table', 'aria-label': label, tabindex: 0 }, head, space);

  const draw = () => {
    const first = Math.max(0, Math.floor(element.scrollTop / ROW_PX) - SPARE_ROWS);
    const count = Math.ceil(element.clientHeight / ROW_PX) + 2 * SPARE_ROWS;
    body.style.transform = `translateY(${first * ROW_PX}px)`;
    const lines = Array.from({ length: Math.max(0, Math.min(count, rows.length - first)) }, (_, at) => {
      const row = rows.at(first + at);
      return line(first + at + 1, row === undefined ? ['…'] : columns.map(({ cell }) => cell(row)), 'cell');
    });
    fill(body, ...lines);
    inSight(first, count);
  };
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
  element.addEventListener('scroll', soon, { passive: true });
  new ResizeObserver(soon).observe(element);
  return {
    element,
    set(given) {
      rows = given;
      space.style.height = `${rows.length * ROW_PX}px`;
      element.setAttribute('aria-rowcount', String(rows.length + 1));
      soon();
    },
  };
}
