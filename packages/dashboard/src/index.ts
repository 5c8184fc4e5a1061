/** Where the page's files lie, for the tracker that serves them: what is written, and what is built. */
export const dashboardFolders: readonly URL[] = [
  new URL('../public/', import.meta.url),
  new URL('./', import.meta.url),
];
