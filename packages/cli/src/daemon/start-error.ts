/** Errors of the operating system at the start of a daemon, in words that say which setting to change. */
import { CliError } from '../errors.ts';

export interface StartPlace {
  dataDir: string;
  /** `0.0.0.0:7600`. */
  address: string;
  /** `listen.port`. */
  portKey: string;
}

/** Returns the error as it is when it already says what to do. */
export function startError(error: unknown, { dataDir, address, portKey }: StartPlace): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE' || (code === 'PORT_IN_USE' && message.includes(address)))
    return new CliError('PORT_IN_USE', `${address} is taken by another program; set ${portKey} to a free port.`, {
      cause: error,
    });
  if (code === 'EADDRNOTAVAIL')
    return new CliError(
      'CANNOT_START',
      `${address} is not an address of this host; correct the host beside ${portKey}.`,
      { cause: error },
    );
  if (code.startsWith('ERR_OSSL') || code.startsWith('ERR_TLS'))
    return new CliError(
      'CANNOT_START',
      `tls.cert and tls.key cannot be used (${message}); give a PEM certificate and its key.`,
      { cause: error },
    );
  if (/^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST|ENOSPC|SQLITE_(CANTOPEN|READONLY|FULL|NOTADB|CORRUPT).*)$/.test(code)) {
    const what = code === 'EACCES' && !message.includes(dataDir) ? address : dataDir;
    return new CliError(
      'CANNOT_START',
      `${what} cannot be used (${message}); set dataDir and ports to what this account may use.`,
      { cause: error },
    );
  }
  return error;
}
