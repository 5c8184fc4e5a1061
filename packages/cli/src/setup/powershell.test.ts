import { describe, expect, it } from 'vitest';
import { quoted, setupScript, undoScript, type WindowsSetup } from './powershell.ts';

const setup: WindowsSetup = {
  ...{ proxyUrl: 'http://127.0.0.1:7620', mirror: true, proxied: ['h.example:8443'], byKey: false },
  place: { caFile: "C:\\it's\\proxy-ca.crt", keepFolder: 'C:\\it\u2019s\\setup' },
};

describe('the PowerShell', () => {
  it('quotes what comes from outside', () => {
    expect(quoted("a'b\u2018c\u2019d$(x)`")).toBe("'a''b\u2018\u2018c\u2019\u2019d$(x)`'");
    const script = setupScript(setup);
    expect(script).toContain("$authority = 'C:\\it''s\\proxy-ca.crt'\n");
    expect(script).toContain("$kept = 'C:\\it\u2019\u2019s\\setup'\n");
    expect(script).toContain("$registries = @('h.example:8443')\n");
    expect(undoScript(setup.place)).toContain("$kept = 'C:\\it\u2019\u2019s\\setup'\n");
  });

  it('of an older engine sets the environment of its service, of a newer one a key', () => {
    expect(setupScript(setup)).toMatch(/-PropertyType MultiString/);
    expect(setupScript(setup)).not.toContain("'https-proxy'");
    expect(setupScript({ ...setup, byKey: true })).toContain("'https-proxy'");
    expect(setupScript({ ...setup, byKey: true })).not.toContain('MultiString');
  });

  it('of Docker Hub alone sets a mirror only', () => {
    const script = setupScript({ ...setup, proxied: [] });
    expect(script).toContain("'registry-mirrors'");
    expect(script).not.toMatch(/MultiString|certs\.d|proxy: true/);
    expect(setupScript({ ...setup, mirror: false })).not.toContain('registry-mirrors');
  });

  it('for mcr.microsoft.com says how Windows trusts the authority, for foreign layers, and leaves that to people', () => {
    const script = setupScript({ ...setup, proxied: ['mcr.microsoft.com'] });
    expect(script).toContain(
      '#   Import-Certificate -FilePath $authority -CertStoreLocation Cert:\\LocalMachine\\Root\n',
    );
    expect(script).not.toMatch(/^[^#\n]*Import-Certificate/m);
    expect(setupScript(setup)).not.toContain('Import-Certificate');
  });

  it('checks everything before it writes anything, and restarts nothing', () => {
    const script = setupScript(setup);
    expect(script.lastIndexOf('throw ')).toBeLessThan(script.indexOf('New-Item'));
    expect(script).toMatch(/^# Then: Restart-Service docker$/m);
    expect(script).not.toMatch(/^[^#\n]*Restart-Service/m);
  });

  it('is plain ASCII but for what comes from outside: Windows PowerShell reads files without a mark as ANSI', () => {
    const ascii = { caFile: 'C:\\a', keepFolder: 'C:\\b' };
    expect(setupScript({ ...setup, place: ascii }) + undoScript(ascii)).toMatch(/^[\n -~]*$/);
  });
});
