/** What the HTTP API says of how people sign in, and as whom they did. */
import { z } from 'zod';
import { tokenViewSchema } from './api-schemas.ts';

export const ownTokenSchema = tokenViewSchema.pick({ role: true, name: true, expiresAt: true });
export type OwnToken = z.infer<typeof ownTokenSchema>;

export const signInWaysSchema = z.object({
  token: z.literal(true),
  oidc: z.string().optional().describe('where a browser begins; absent: there is no identity provider'),
});
export type SignInWays = z.infer<typeof signInWaysSchema>;

export const signedInSchema = z.object({ token: z.string() });
export type SignedIn = z.infer<typeof signedInSchema>;
