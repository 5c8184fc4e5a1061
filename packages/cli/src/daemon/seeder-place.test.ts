import { describe, expect, it } from 'vitest';
import { advertisedHost, ownAuthority, ownTrackerUrl } from './seeder-place.ts';

/** Self-signed, for *.example.com, tracker.example.com and 127.0.0.1. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBrzCCAVSgAwIBAgIUKUuYuVVwILSpKbSl/nSe2IR1TUQwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFc2hvYWwwIBcNMjYxMTIzMTYxNDUzWhgPMjEyNjEwMzAxNjE0
NTNaMBAxDjAMBgNVBAMMBXNob2FsMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
H+httx0UGC+inetb930ia4bMfq5TExzvQLApnoFpuS3vEL5B1MkdgKpC8pV9sJ8m
g8dsAPB6yqtNv0ShYe1xcKOBiTCBhjAdBgNVHQ4EFgQUUb8295kkU9myZkkp30ah
lMsf+9gwHwYDVR0jBBgwFoAUUb8295kkU9myZkkp30ahlMsf+9gwDwYDVR0TAQH/
BAUwAwEB/zAzBgNVHREELDAqgg0qLmV4YW1wbGUuY29tghN0cmFja2VyLmV4YW1w
bGUuY29thwR/AAABMAoGCCqGSM49BAMCA0kAMEYCIQD3E0AKjg3rb9Z4DeYA/DQI
ewPjlaSbZuJbPsiKrMHO4QIhAKTZOfQ3y5FS+4k8xsqd/sK66VastBSgiD686CYA
gdna
-----END CERTIFICATE-----
`;

describe('the embedded seeder', () => {
  it('finds its tracker under a name that the certificate has', () => {
    expect(ownTrackerUrl('https://localhost:7600', CERTIFICATE)).toBe('https://tracker.example.com:7600');
    expect(ownTrackerUrl('http://localhost:7600', undefined)).toBe('http://localhost:7600');
  });

  it('trusts a self-signed certificate as its own authority', () => {
    expect(ownAuthority(CERTIFICATE)).toBe(CERTIFICATE);
    expect(ownAuthority(undefined)).toBeUndefined();
  });

  it('is found where the settings say, and a wildcard says nothing', async () => {
    expect(await advertisedHost([undefined, '0.0.0.0', '192.0.2.7'])).toBe('192.0.2.7');
    expect(await advertisedHost([undefined, '0.0.0.0', '::'])).not.toMatch(/^(0\.0\.0\.0|::)$/);
  });
});
