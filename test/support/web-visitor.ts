/** A browser without a window: follows redirects and fills in forms, with cookies of its own. */
export interface Visitor {
  /** By name: value and attributes, as they were set last. */
  cookies: Map<string, string>;
  /** Where it ends up, with all that a redirect's address says. */
  visit(url: string, form?: Record<string, string>): Promise<{ url: string; status: number; text: string }>;
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

const MAX_REDIRECTS = 20;

export function createVisitor(): Visitor {
  const cookies = new Map<string, string>();
  const ask = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value.split(';')[0]}`).join('; ');
    const response = await fetch(url, { ...init, headers: { ...init.headers, cookie }, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(line) ?? [];
      if (/Max-Age=0|Expires=Thu, 01 Jan 1970/i.test(value)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
  return {
    cookies,
    fetch: ask,
    async visit(first, form) {
      let url = first;
      let response = await ask(url, form && { method: 'POST', body: new URLSearchParams(form) });
      for (let redirects = 0; response.status >= 300 && response.status < 400; redirects++) {
        if (redirects === MAX_REDIRECTS) throw new Error(`redirected for ever: ${url}`);
        url = new URL(response.headers.get('location') ?? '', url).href;
        response = await ask(url);
      }
      return { url, status: response.status, text: await response.text() };
    },
  };
}
