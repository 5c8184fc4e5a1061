/*
 * Tracker, seeder and agents are services that run for months. Those of a bench are new, and their code is compiled while
 * it runs for the first time: before anything is measured they carry another image.
 */
import path from 'node:path';
import { MIB } from '../harness/bytes.mjs';
import { push, run } from '../peers/engines.mjs';
import { writeUsrImages } from './usr-image.mjs';

const SIZE = 64 * MIB;

/** @param {string} folder of the bench @param {string} reference in the registry @param {import('../netns/network.mjs').Place} [place] */
export async function pushOther(folder, reference, place) {
  const layout = path.join(folder, 'other');
  await writeUsrImages(layout, { other: [SIZE] });
  await push(`${layout}:other`, reference, place);
}

/** What was written before is on the disk: an engine syncs its layers and would wait for it. */
export async function writeBack() {
  await run('sync');
}
