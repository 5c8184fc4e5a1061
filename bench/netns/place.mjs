/* Where a program runs. Types and one function. */

/**
 * The command as it must be given to run in that place; here, without one. It keeps its pid.
 * @param {{ namespace: string } | undefined} place @param {string} command @param {readonly string[]} args
 * @returns {[command: string, args: readonly string[]]}
 */
export function inPlace(place, command, args) {
  return place === undefined ? [command, args] : ['ip', ['netns', 'exec', place.namespace, command, ...args]];
}
