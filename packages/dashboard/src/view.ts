/** What every view is given, and what it gives back. */
import type { OwnToken } from '@shoal/tracker/client';
import type { Live } from './live.ts';

export interface ViewContext {
  live: Live;
  token: OwnToken;
  /** Told to people who listen, and shown for a while. */
  announce(text: string, kind?: 'info' | 'error'): void;
}

export interface View {
  element: HTMLElement;
  /** Ends what it follows. */
  close?(): void;
}

export function isAdmin({ token }: ViewContext): boolean {
  return token.role === 'admin';
}
