/**
 * A canvas with a cell for each host of a job, in the order of their names. Draws only cells that changed, and no more in
 * a frame than leaves it time for a click. Arrow keys and the pointer choose one.
 */

import { h } from './dom.ts';
import { inOrder } from './format.ts';
import { HOST_STATES, type HostState } from './host-state.ts';

export interface Cell {
  name: string;
  peerId: string;
  wave?: number;
  state: HostState;
  percent: number;
  online: boolean;
}

export interface Cells {
  element: HTMLCanvasElement;
  /** Hosts came: all are placed anew. */
  place(cells: readonly Cell[]): void;
  changed(cell: Cell): void;
  choose(cell: Cell): void;
  close(): void;
}

const MAX_PX = 22;
const MIN_PX = 5;
/** From here on a cell shows progress by its height. */
const TALL_PX = 9;
const MAX_HEIGHT_PX = 420;
/** Ten thousand cells take some 40 ms. */
const FRAME_MS = 6;

export function createCells(onChoose: (cell: Cell) => void): Cells {
  const canvas = h('canvas', { class: 'cells', tabindex: 0, role: 'application' });
  let cells: readonly Cell[] = [];
  let places = new Map<Cell, number>();
  let [size, columns, chosen] = [MAX_PX, 1, -1];
  const dirty = new Set<number>();
  let frame = 0;
  let colours = readColours(canvas);

  const context = canvas.getContext('2d');
  const drawOne = (at: number) => {
    const cell = cells[at];
    if (cell && context) drawCell(context, { cell, size, isChosen: at === chosen, colours }, at, columns);
    dirty.delete(at);
  };
  const draw = () => {
    const end = performance.now() + FRAME_MS;
    if (dirty.has(chosen)) drawOne(chosen);
    for (const at of dirty) {
      if (performance.now() > end) break;
      drawOne(at);
    }
    frame = dirty.size > 0 ? requestAnimationFrame(draw) : 0;
  };
  const touch = (at: number) => {
    dirty.add(at);
    frame ||= requestAnimationFrame(draw);
  };
  const layOut = () => {
    const width = Math.max(60, canvas.parentElement?.clientWidth ?? 600);
    size = MAX_PX;
    while (size > MIN_PX && Math.ceil(cells.length / Math.floor(width / size)) * size > MAX_HEIGHT_PX) size--;
    columns = Math.max(1, Math.floor(width / size));
    const [w, tall] = [columns * size, Math.max(size, Math.ceil(cells.length / columns) * size)];
    const scale = devicePixelRatio;
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(tall * scale);
    canvas.style.width = `${w}px`;
    canvas.style.height = `${tall}px`;
    context?.scale(scale, scale);
    colours = readColours(canvas);
    for (let at = 0; at < cells.length; at++) dirty.add(at);
    frame ||= requestAnimationFrame(draw);
  };
  const move = (at: number) => {
    const cell = cells[at];
    if (cell === undefined) return;
    if (chosen >= 0) touch(chosen);
    chosen = at;
    touch(at);
    onChoose(cell);
  };

  canvas.addEventListener('click', (event) => {
    const column = Math.floor(event.offsetX / size);
    if (column < columns) move(Math.floor(event.offsetY / size) * columns + column);
  });
  canvas.addEventListener('keydown', (event) => {
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const step = steps[event.key];
    if (step === undefined && event.key !== 'Enter') return;
    event.preventDefault();
    move(chosen < 0 ? 0 : Math.min(cells.length - 1, Math.max(0, chosen + (step ?? 0))));
  });
  const observer = new ResizeObserver(layOut);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', layOut);
  addEventListener('shoal-theme', layOut);
  queueMicrotask(() => canvas.parentElement && observer.observe(canvas.parentElement));

  return {
    element: canvas,
    place(given) {
      const before = cells[chosen];
      cells = inOrder(given);
      places = new Map(cells.map((cell, at) => [cell, at]));
      chosen = before === undefined ? -1 : (places.get(before) ?? -1);
      layOut();
    },
    changed(cell) {
      const at = places.get(cell);
      if (at !== undefined) touch(at);
    },
    choose: (cell) => move(places.get(cell) ?? -1),
    close() {
      observer.disconnect();
      dark.removeEventListener('change', layOut);
      removeEventListener('shoal-theme', layOut);
      cancelAnimationFrame(frame);
    },
  };
}

type Colours = Record<HostState | 'ink' | 'ground', string>;

function readColours(canvas: Element): Colours {
  const style = getComputedStyle(canvas.isConnected ? canvas : document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const states = Object.fromEntries(HOST_STATES.map((state) => [state, of(`cell-${state}`)]));
  return { ...(states as Record<HostState, string>), ink: of('ink'), ground: of('panel') };
}

interface Drawing {
  cell: Cell;
  size: number;
  isChosen: boolean;
  colours: Colours;
}

function drawCell(context: CanvasRenderingContext2D, drawing: Drawing, ...[at, columns]: [number, number]): void {
  const { cell, size, isChosen, colours } = drawing;
  const [x, y] = [(at % columns) * size, Math.floor(at / columns) * size];
  const side = size - (size > 8 ? 2 : 1);
  context.fillStyle = colours.ground;
  context.fillRect(x, y, size, size);
  context.globalAlpha = cell.online || cell.state === 'ready' ? 1 : 0.4;
  context.fillStyle = colours.waiting;
  context.fillRect(x, y, side, side);
  context.fillStyle = colours[cell.state];
  // Filled from below, so that progress shows without colour, too; a small cell has no room for that.
  const isSmall = size < TALL_PX;
  const part = cell.state === 'fetching' ? cell.percent / 100 : 1;
  const full = isSmall ? side : Math.max(1, Math.round(side * part));
  if (isSmall) context.globalAlpha *= 0.2 + 0.8 * part;
  context.fillRect(x, y + side - full, side, full);
  context.globalAlpha = 1;
  if (cell.state === 'failed' && size >= 8) cross(context, { x, y, side, colour: colours.ground });
  if (!isChosen) return;
  context.strokeStyle = colours.ink;
  context.lineWidth = 2;
  context.strokeRect(x + 1, y + 1, side - 2, side - 2);
}

function cross(context: CanvasRenderingContext2D, at: { x: number; y: number; side: number; colour: string }): void {
  const { x, y, side, colour } = at;
  const inset = side * 0.28;
  context.strokeStyle = colour;
  context.lineWidth = Math.max(1, side / 9);
  context.beginPath();
  context.moveTo(x + inset, y + inset);
  context.lineTo(x + side - inset, y + side - inset);
  context.moveTo(x + side - inset, y + inset);
  context.lineTo(x + inset, y + side - inset);
  context.stroke();
}
