export { faultsOf } from './checks.ts';
export { boundMs, type Fault, type SimulationOptions } from './options.ts';
export { healedAt, scenarioFor } from './scenarios.ts';
export { type LimitUse, type Progress, percentile, type SimulationResult, simulate } from './simulate.ts';
