export { boundMs, type Fault, type SimulationOptions } from './options.ts';
export { type Progress, percentile, type SimulationResult, simulate } from './simulate.ts';
