/** How many methods have a colour of their own (`--m0`, … in `tokens.css`); further ones begin again. */
export const METHOD_COLOURS = 10;
