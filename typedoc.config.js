/** How `npm run docs` makes the reference in docs/api out of the doc comments. */
import { Converter, ReflectionKind } from 'typedoc'
import ts from 'typescript'

/** A class of which only the type is exported is a class all the same, and so gets a page. */
function isClass(context, reflection) {
  const symbol = reflection.kind === ReflectionKind.Interface ? context.getSymbolFromReflection(reflection) : undefined
  return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Class) !== 0
}

/** A member is shown in the class that declares it, and not in those that inherit it; what a package declares is described there. */
function isElsewhere(context, member) {
  const declarations = context.getSymbolFromReflection(member)?.declarations ?? []
  return declarations.some((declaration) => {
    if (declaration.getSourceFile().fileName.includes('/node_modules/')) return true
    const owner = context.getReflectionFromSymbol(declaration.parent.symbol)
    return owner !== undefined && owner !== member.parent
  })
}

function arrangeClasses(context) {
  const { project } = context
  for (const reflection of Object.values(project.reflections)) {
    if (isClass(context, reflection)) reflection.kind = ReflectionKind.Class
  }
  for (const member of Object.values(project.reflections)) {
    // What begins with an underscore is called by abstract-level alone.
    if (member.parent?.kind === ReflectionKind.Class && (member.name.startsWith('_') || isElsewhere(context, member))) project.removeReflection(member)
  }
}

/** Takes away what means nothing to readers: bases that are not part of the reference, and where a member comes from. */
function tidy({ project }) {
  for (const reflection of Object.values(project.reflections)) {
    delete reflection.inheritedFrom
    delete reflection.overwrites
    const bases = reflection.typeHierarchy
    if (bases !== undefined && !bases.isTarget) {
      bases.types = bases.types.filter((type) => type.reflection !== undefined || type.package !== project.packageName)
      if (bases.types.length === 0) reflection.typeHierarchy = bases.next
    }
    if (reflection.type?.elementSummaries !== undefined) listElements(reflection)
  }
}

/** The plugin leaves out the comments on the members of a union, so that they become a list. */
function listElements({ type, comment }) {
  type.elementSummaries.forEach((summary, index) => {
    comment.summary.push({ kind: 'text', text: `${index === 0 ? '\n' : ''}\n- \`${type.types[index].value}\`: ` }, ...summary)
  })
}

function arrangement(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, arrangeClasses)
  app.converter.on(Converter.EVENT_RESOLVE_END, tidy, -1000)
}

export default {
  name: 'coppice',
  entryPoints: ['src/index.ts', 'src/adapters/level.ts', 'src/adapters/mmap-io.ts'],
  tsconfig: 'tsconfig.build.json',
  plugin: ['typedoc-plugin-markdown', arrangement],
  // `npm run typecheck` does this, and it takes as long as all the rest.
  skipErrorChecking: true,

  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  excludeExternals: true,
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // Their type says all: { type: 'put', key, value }.
  intentionallyNotDocumented: ['coppice.Operation.__type.type', 'coppice.Operation.__type.key', 'coppice.Operation.__type.value'],
  treatWarningsAsErrors: true,

  out: 'docs/api',
  readme: 'none',
  router: 'member',
  membersWithOwnFile: ['Class'],
  githubPages: false,

  // Nothing that changes where the doc comments do not: no line numbers, no versions.
  disableSources: true,
  hideGenerator: true,

  sort: [],
  groupOrder: ['Functions', 'Classes', 'Variables', 'Constructors', 'Properties', 'Accessors', 'Methods', 'Interfaces', 'Type Aliases'],
  pageTitleTemplates: { member: '{name}' },
  hideBreadcrumbs: true,
  hidePageHeader: true,
  indexFormat: 'table',
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  tableColumnSettings: { hideInherited: true, hideOverrides: true, hideModifiers: true, hideDefaults: true },
  useCodeBlocks: true,
  expandObjects: true,
  expandParameters: true,
}
