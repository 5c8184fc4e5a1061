/** The file that points podman, and all that read registries.conf, at the proxy. Pure. */
import { filesIn, type HostView, type Plan, type SetupSettings } from './plan.ts';
import { hostsServedBy, registriesConf } from './registries-conf.ts';

const MAIN = '/etc/containers/registries.conf';
const FOLDER = '/etc/containers/registries.conf.d';
const OURS = `${FOLDER}/shoal.conf`;

/** Throws CliError BAD_HOST_FILE, SETUP_CONFLICT. */
export function planPodman({ hosts, place }: SetupSettings, host: HostView): Plan {
  const others = [MAIN, ...filesIn(host, FOLDER, '.conf').filter((path) => path !== OURS)];
  const served = others.flatMap((path) => hostsServedBy(host.read(path) ?? '', { hosts, place }, path));
  const left = hosts.filter((one) => !served.includes(one));
  const files = left.length === 0 ? [] : [{ path: OURS, content: registriesConf(left, place) }];
  const logins = hosts.map((one) => `podman login --tls-verify=false ${place}/${one}`);
  const notes = [
    'podman sends the account of a registry to no mirror; private images come from their registry, as before, unless the mirror has an account as well:',
    ...logins,
  ];
  return { program: 'podman', files, notes };
}
