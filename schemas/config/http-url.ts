/** Addresses of other people's servers, as a config names them. */
import { z } from 'zod';

/** http or https, and without a name and a password: configs are stored and shown, secrets come by the environment. */
export const httpUrlSchema = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === ''
  );
}, 'give an address that begins with http:// or https://, without a name and a password');
