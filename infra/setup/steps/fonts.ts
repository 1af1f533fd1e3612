/** The font files with which the demo's digits are drawn. */
import { dirname } from 'node:path';
import { findFonts } from '../../../pipelines/datasets/digits/find-fonts.ts';
import { DIGIT_FONT_PACKAGES, FONTS } from '../../../pipelines/datasets/digits/pools.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { aptInstall, aptPlan } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

export const fontsStep: SetupStep = {
  name: 'fonts',
  purpose: "the demo's drawn digits",
  check,
  perform: async (context: SetupContext) => {
    await aptInstall(DIGIT_FONT_PACKAGES, context);
    await findFonts(Object.values(FONTS).flat());
  },
};

async function check(): Promise<Finding> {
  try {
    const fonts = await findFonts(Object.values(FONTS).flat());
    const folders = [...new Set([...fonts.values()].map((path) => dirname(dirname(path))))];
    return { inPlace: true, version: `${fonts.size} files`, origin: folders.join(', ') };
  } catch (error) {
    if (!(error instanceof ModalmixError)) throw error;
    return {
      inPlace: false,
      problem: error.message,
      fix: error.fix ?? '',
      plan: aptPlan(DIGIT_FONT_PACKAGES),
    };
  }
}
