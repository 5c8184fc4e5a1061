/*
 * A container's health: whether the daemon answers on loopback, be it with "who are you". A port other than the default is
 * read from the variable that sets it, not from the settings' file.
 */
import http from 'node:http';
import https from 'node:https';

const DOORS = {
  tracker: { path: '/healthz', port: process.env.SHOAL_LISTEN_PORT ?? 7600 },
  agent: { path: '/v1/status', port: process.env.SHOAL_CONTROL_PORT ?? 7621 },
};
const TIMEOUT_MS = 4000;

/** The certificate names the tracker as others reach it, so it is not looked at here. */
function answers(client, door) {
  const options = { host: '127.0.0.1', ...door, timeout: TIMEOUT_MS, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const request = client.get(options, (response) => resolve((response.statusCode ?? 500) < 500));
    request.on('timeout', () => request.destroy()).on('error', () => resolve(false));
  });
}

const door = DOORS[process.argv[2]];
process.exit(door && ((await answers(http, door)) || (await answers(https, door))) ? 0 : 1);
