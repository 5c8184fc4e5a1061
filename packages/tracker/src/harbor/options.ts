/**
 * What systems outside may order, as the operator set it up. Shapes only.
 */
import type { PreheatDoor } from './doors.ts';
import type { PushRule } from './push-rules.ts';

export interface HarborOptions {
  /** The configured registry that a `host[:port]` of an url means. Others are never asked on behalf of somebody outside. */
  registryOf(address: string): string | undefined;
  /** Harbor's P2P Preheat. Undefined: off. */
  preheat?: PreheatOptions;
  /** Webhooks and notifications of pushes. Undefined: off. */
  hooks?: HookOptions;
}

export interface PreheatOptions extends PreheatDoor {
  /** Host selectors by Harbor's cluster ids. */
  clusters: Readonly<Record<string, string>>;
  /** After how long Harbor is answered although hosts are still missing: it gives up after 30 minutes. */
  answerAfterMs: number;
}

export interface HookOptions {
  /** The value of `Authorization`, as it is. */
  secret: string;
  /** The registry that pushes are of, whatever address they name. Default: the one of that address. */
  registry?: string;
  rules: readonly PushRule[];
}
