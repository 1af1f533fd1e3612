/**
 * What the doc comments beside a schema's fields say, found by the compiler: the type that zod infers leads from each
 * property back to the place where it is written, whatever spreads, imports and wrappers lie between.
 */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface FieldDoc {
  /** In Markdown, on one line; empty where there is no comment. */
  readonly text: string;
}

/** A field's type, or a group's, with what is known of its fields. */
export interface DocumentedType {
  /** Undefined for a field that is none of this type's. */
  field(name: string): { readonly doc: FieldDoc; readonly type: DocumentedType } | undefined;
  /** Of lists and records. */
  element(): DocumentedType;
  /** Of several alternatives, those that have this value in this field. */
  where(field: string, value: string): DocumentedType;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @param file from the project's root, e.g. `schemas/config/config.ts`
 * @param type an exported type of it
 */
export function documentedType(file: string, type: string): DocumentedType {
  const config = ts.getParsedCommandLineOfConfigFile(
    `${ROOT}tsconfig.json`,
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (problem) => {
        throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, '\n'));
      },
    },
  );
  const program = ts.createProgram([ROOT + file], { ...config?.options, noEmit: true });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(ROOT + file);
  const symbol = source && checker.getSymbolAtLocation(source);
  const exported = symbol && checker.getExportsOfModule(symbol).find(({ name }) => name === type);
  if (exported === undefined) throw new Error(`${file} exports no type ${type}`);
  return view(checker, [checker.getDeclaredTypeOfSymbol(exported)]);
}

function partsOf(types: readonly ts.Type[]): ts.Type[] {
  return types.flatMap((one) => (one.isUnion() ? one.types : [one]));
}

function view(checker: ts.TypeChecker, types: readonly ts.Type[]): DocumentedType {
  const parts = partsOf(types);
  return {
    field: (name) => {
      const found = parts.flatMap((part) => part.getProperty(name) ?? []);
      const [first] = found;
      if (first === undefined) return undefined;
      const doc = found.map((symbol) => docOf(checker, symbol)).find(({ text }) => text !== '');
      return {
        doc: doc ?? docOf(checker, first),
        type: view(
          checker,
          found.map((symbol) => checker.getTypeOfSymbol(symbol)),
        ),
      };
    },
    element: () =>
      view(
        checker,
        parts.flatMap(
          (part) =>
            checker.getIndexTypeOfType(part, ts.IndexKind.Number) ??
            checker.getIndexTypeOfType(part, ts.IndexKind.String) ??
            part.getProperties().map((property) => checker.getTypeOfSymbol(property)),
        ),
      ),
    where: (field, value) => {
      const chosen = parts.filter((part) => {
        const property = part.getProperty(field);
        if (property === undefined) return false;
        return partsOf([checker.getTypeOfSymbol(property)]).some(
          (one) => one.isStringLiteral() && one.value === value,
        );
      });
      return view(checker, chosen.length === 0 ? parts : chosen);
    },
  };
}

function docOf(checker: ts.TypeChecker, symbol: ts.Symbol): FieldDoc {
  const own = textOf(checker, symbol);
  if (own !== '') return { text: own };
  // `{ seed }`: what is said where `seed` is made.
  const shorthand = symbol.declarations?.find(ts.isShorthandPropertyAssignment);
  const value = shorthand && checker.getShorthandAssignmentValueSymbol(shorthand);
  if (value === undefined) return { text: '' };
  const isAlias = (value.flags & ts.SymbolFlags.Alias) !== 0;
  return { text: textOf(checker, isAlias ? checker.getAliasedSymbol(value) : value) };
}

function textOf(checker: ts.TypeChecker, symbol: ts.Symbol): string {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).replace(/\s+/gu, ' ').trim();
}
