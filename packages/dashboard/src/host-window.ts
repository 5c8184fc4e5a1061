/** The hosts in sight of a list of any length, and some beside them: asked for when others come into sight, and again. */
import type { HostOrder, HostView } from '@shoal/tracker/client';
import { type ApiError, lookPart } from './api.ts';
import type { Rows } from './virtual-table.ts';

/** How often those in sight are asked for again. */
const AGAIN_MS = 3000;
/** Beside those in sight, so that scrolling finds rows that are there. */
const SPARE_ROWS = 50;

export interface HostWindow {
  /** Words and order of the list; from its top. */
  ask(search: string, order: HostOrder): void;
  look(first: number, count: number): void;
  /** Asks for what is in sight again when that is old. */
  refresh(): void;
  close(): void;
}

export interface WindowEvents {
  onRows(rows: Rows<HostView>): void;
  onError(error: ApiError): void;
}

export function openHostWindow({ onRows, onError }: WindowEvents): HostWindow {
  const closed = new AbortController();
  let query: { search: string; order: HostOrder } = { search: '', order: 'name' };
  let sight = { first: 0, count: SPARE_ROWS };
  let here = { total: 0, offset: 0, hosts: [] as HostView[] };
  let loadedAt = Number.NEGATIVE_INFINITY;
  let isAsking = false;

  const isInSight = (): boolean => {
    const end = Math.min(sight.first + sight.count, here.total);
    return sight.first >= here.offset && end <= here.offset + here.hosts.length;
  };
  /** One question at a time; when something else is asked for by then, that is the next. */
  const load = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    loadedAt = performance.now();
    const asked = query;
    const offset = Math.max(0, sight.first - SPARE_ROWS);
    const limit = sight.count + 2 * SPARE_ROWS;
    const text = new URLSearchParams({ ...asked, offset: String(offset), limit: String(limit) });
    try {
      const { total, part } = await lookPart<HostView>(`v1/hosts?${text}`, closed.signal);
      isAsking = false;
      if (asked !== query) return await load();
      here = { total, offset, hosts: part };
      onRows({ length: total, at: (index) => part[index - offset] });
    } catch (error) {
      isAsking = false;
      if (!closed.signal.aborted) onError(error as ApiError);
    }
  };
  return {
    ask(search, order) {
      query = { search, order };
      sight = { ...sight, first: 0 };
      void load();
    },
    look(first, count) {
      sight = { first, count };
      if (!isInSight()) void load();
    },
    refresh() {
      if (performance.now() - loadedAt > AGAIN_MS && !document.hidden) void load();
    },
    close: () => closed.abort(),
  };
}
