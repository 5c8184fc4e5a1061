/* What a person did or lacks, told in one line; everything else is a crash with its stack. */

/** Wrong usage: exit 2. */
export class UsageError extends Error {}

/** The machine lacks something, said with what to do next: exit 1. */
export class BenchError extends Error {}
