/** What must be closed again, last opened first; for an orderly stop and for a start that fails halfway. */

export interface Closers {
  /** Remembers how to close what was opened, and returns it. */
  add<T>(opened: T, close: (opened: T) => void | Promise<void>): T;
  /** Closes everything; the first error is thrown after the rest was closed, too. */
  closeAll(): Promise<void>;
}

export function createClosers(): Closers {
  const closers: (() => void | Promise<void>)[] = [];
  return {
    add(opened, close) {
      closers.push(() => close(opened));
      return opened;
    },
    async closeAll() {
      const errors: unknown[] = [];
      for (const close of closers.splice(0).reverse()) {
        try {
          await close();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}
