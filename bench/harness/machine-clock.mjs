/* The clock that all processes of this machine share: monotonic, since boot. */

/** Milliseconds. */
export function machineMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}
