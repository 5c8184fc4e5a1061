/* Agents that hold images before a bench begins: read once, where nothing is limited, and given to others as hard links. */
import { removeFolder } from '../harness/workplace.mjs';
import { cloneAgent, filesBelow } from './clone-agent.mjs';

/**
 * @param {import('./site.mjs').Site} site @param {{ image: string, place: import('../netns/network.mjs').Place }} what
 * @returns {Promise<{ giveTo: (name: string) => void, remove: () => void }>} to agents that are not started yet
 */
export async function holdImage(site, { image, place }) {
  const kind = image.replaceAll(/\W/g, '-');
  const [seederName, firstName, blankName] = [`${kind}-seeder`, `${kind}-first`, `${kind}-blank`];
  const seeder = await site.startAgents({ names: [seederName], role: 'seeder', place });
  const first = await site.startAgents({ names: [firstName], place });
  await site.distribute(first.names, image);
  await seeder.stop();
  await first.stop({ keep: true });
  const blank = await site.startAgents({ names: [blankName], place });
  await blank.stop({ keep: true });
  const from = site.dataDirOf(firstName);
  const ownFiles = new Set(filesBelow(site.dataDirOf(blankName)));
  return {
    giveTo: (name) => cloneAgent({ from, ownFiles, to: site.dataDirOf(name) }),
    remove: () => removeFolder(from),
  };
}
