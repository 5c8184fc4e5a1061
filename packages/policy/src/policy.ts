/** What a bandwidth policy says, in canonical units: bytes a second, fractions of a link, milliseconds. Types only. */
import type { AddressRange } from './address.ts';
import type { Window } from './window.ts';

export const CLASSES = ['pull', 'prewarm', 'seed'] as const;
/** What a request is for, highest priority first: a person waits; a job; the seeder reads ahead of any demand. */
export type TrafficClass = (typeof CLASSES)[number];

export const DIRECTIONS = ['download', 'upload'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Every rule that matches holds. */
export interface Policy {
  version: 1;
  /** IANA name; whose clock `when` is read on. */
  timezone: string;
  rules: readonly Rule[];
}

/** One bucket for each of its directions, shared by everything it matches. */
export interface Rule {
  /** Unique in its policy. */
  name: string;
  match: Match;
  /** Any of them; none at all is always. */
  when: readonly Window[];
  limit?: Limit;
  yield?: Yield;
}

/** All of it must be so; what is undefined matches everything. */
export interface Match {
  classes?: readonly TrafficClass[];
  /** Globs, any of them. */
  hosts?: readonly string[];
  addresses?: readonly AddressRange[];
  /** Every label must be there with any of its values, which are globs. */
  labels: readonly { label: string; values: readonly string[] }[];
}

/** `bytesPerSecond` 0 freezes. */
export type Cap = { bytesPerSecond: number } | { ofLink: number };

export type Limit =
  /** Each host for itself. */
  | { per: 'host'; download?: Cap; upload?: Cap }
  /** All hosts together, bytes a second. */
  | { per: 'fleet'; download?: number; upload?: number }
  /** All hosts of a zone together, only bytes that come from or go to outside of it. */
  | { per: 'zone'; ingress?: number; egress?: number }
  /** What leaves the registry. */
  | { per: 'origin'; egress: number };

export interface Yield {
  /** Of the link, above 0 and below 1. */
  keepFree: number;
  reactWithinMs: number;
}
