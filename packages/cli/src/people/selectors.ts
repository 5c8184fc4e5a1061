/** `--hosts` as verbs take it, again and again. What the terms mean is for the tracker to say. */
import { InvalidArgumentError } from 'commander';

export function addSelector(text: string, before: string[] = []): string[] {
  if (!text.split(',').some((term) => term.trim() === '')) return [...before, text];
  throw new InvalidArgumentError('It has an empty term; write web-*,env=prod.');
}
